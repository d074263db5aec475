package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An adapter on a model of the right shapes that is not the one which it was trained on. */
class OtherBaseEndToEndTest {
    private static final String WARNING = " was trained on other weights than those in ";

    @TempDir
    Path folder;

    @Test
    void anAdapterOnOtherWeightsIsTold() throws IOException {
        Path base = Fixtures.copy("tiny_wordpiece", folder.resolve("bert"));
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(Fixtures.of("bert_cls").resolve(file), base.resolve(file));
        }
        Path rows = Files.writeString(folder.resolve("rows.csv"), "text,label\nthe cat,a\nsat on,b\n");
        String run = folder.resolve("run").toString();
        String merged = folder.resolve("merged").toString();
        Captured trained = Captured.loft(
                "train", "--model", base.toString(), "--data", rows.toString(), "--max-steps", "1", "--output", run);
        assertEquals(0, trained.status(), trained.err());
        assertEquals(
                0, Captured.loft("merge", "--adapter", run, "--output", merged).status());

        Path moved = Files.move(base, folder.resolve("moved"));
        Captured same = Captured.loft("predict", "--model", moved.toString(), "--adapter", run, "--text", "the cat");
        assertEquals(0, same.status(), same.err());
        assertFalse(same.err().contains(WARNING), same.err());
        Captured twice = Captured.loft("predict", "--model", merged, "--adapter", run, "--text", "the cat");
        assertEquals(0, twice.status(), twice.err());
        assertTrue(twice.err().contains("loft: warning: " + run + WARNING + merged), twice.err());
        Captured again = Captured.loft("merge", "--model", merged, "--adapter", run, "--output", run + "2");
        assertTrue(again.err().contains(WARNING), again.err());
    }
}
