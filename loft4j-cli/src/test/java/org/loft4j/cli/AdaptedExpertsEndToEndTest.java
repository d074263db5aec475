package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.Json;

/** A run that goes on from an adapter of experts in one tensor that PEFT has made. */
class AdaptedExpertsEndToEndTest {
    @TempDir
    Path folder;

    private Path adapter() throws IOException {
        Path adapter = Files.createDirectories(folder.resolve("adapter"));
        Path peft = Fixtures.of("gpt_oss").resolve("adapter");
        Files.copy(peft.resolve(PeftFiles.WEIGHTS), adapter.resolve(PeftFiles.WEIGHTS));
        ObjectNode settings = Json.read(peft.resolve(PeftFiles.CONFIG)).toTree();
        settings.withArray("target_parameters").add("no.such.parameter");
        Json.write(adapter.resolve(PeftFiles.CONFIG), settings);
        return adapter;
    }

    private Captured goOn(Path model, Path data, Path adapter, String... more) {
        List<String> call = new ArrayList<>(List.of("train", "--model", model.toString(), "--adapter"));
        call.addAll(List.of(adapter.toString(), "--data", data.toString(), "--max-steps", "1"));
        call.addAll(List.of("--output", folder.resolve("run").toString()));
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    /** What fits nothing in the model passes; a switch that means other layers is named. */
    @Test
    void itsNamesAreTheRuns() throws IOException {
        Path model = Fixtures.copy("gpt_oss", folder.resolve("model"));
        Files.copy(Fixtures.of("tiny_unigram").resolve("tokenizer.json"), model.resolve("tokenizer.json"));
        Path data = Files.writeString(folder.resolve("texts.txt"), "a b c\nb c a\nc a b\n");
        Path adapter = adapter();
        Captured parameters = goOn(model, data, adapter, "--target-parameters", "mlp.experts.down_proj");
        assertEquals(2, parameters.status());
        assertTrue(parameters.err().contains("--target-parameters means 14 layers"), parameters.err());
        Captured modules = goOn(model, data, adapter, "--target-modules", "k_proj");
        assertEquals(2, modules.status());
        assertTrue(modules.err().contains("--target-modules means"), modules.err());
        Captured run = goOn(model, data, adapter);
        assertEquals(0, run.status(), run.err());
    }
}
