package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.Model;

/** An adapter that takes the place of a run's own must be of its shape; else nothing is taken of it. */
class SavedAdapterTest {
    private static final TrainConfig CONFIG = TinyRun.config(Method.LORA).build();

    @TempDir
    private Path directory;

    private static LoraConfig lora(int rank, double alpha, String module, boolean rslora, String... saved) {
        return new LoraConfig(rank, alpha, 0, TargetModules.names(module), null, rslora, List.of(saved));
    }

    private Path saved(String name, LoraConfig config) throws IOException {
        Path path = directory.resolve(name);
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, config, CONFIG)) {
            trainable.save(path);
        }
        return path;
    }

    private void refuses(LoraConfig other, String what) throws IOException {
        Path saved = saved("other", other);
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, lora(4, 8, "q_proj", false, "model.norm"), CONFIG)) {
            trainable.save(directory.resolve("before"));
            String said = assertThrows(CheckpointException.class, () -> trainable.restore(saved))
                    .getMessage();
            assertTrue(said.contains(what), said);
            trainable.save(directory.resolve("after"));
        }
        assertEquals(bits("before"), bits("after"), what);
    }

    private Map<String, String> bits(String name) throws IOException {
        return TinyRun.bits(directory.resolve(name).resolve(PeftFiles.WEIGHTS));
    }

    @Test
    void anotherShapeIsRefused() throws IOException {
        // rank 1 would be taken four times, and another scale change W by itself
        refuses(lora(1, 2, "q_proj", false, "model.norm"), "has rank 1 with the scale 2.0, and in this run 4 with 2.0");
        refuses(lora(4, 4, "q_proj", false, "model.norm"), "has rank 4 with the scale 1.0");
        refuses(lora(4, 8, "q_proj", true, "model.norm"), "has rank 4 with the scale 4.0");
        refuses(lora(4, 8, "v_proj", false, "model.norm"), "other layers");
        refuses(lora(4, 8, "q_proj", false), "holds [] in full, and this run trains [model.norm.weight]");
    }
}
