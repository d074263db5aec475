package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.Model;

class ModelCardTest {
    @TempDir
    Path directory;

    private String card(Method method) throws IOException {
        Path run = directory.resolve(method.word());
        TinyRun.train(TinyRun.config(method).maxSteps(1).build(), run, OnExisting.REFUSE);
        return Files.readString(run.resolve("README.md"));
    }

    @Test
    void whatIsTrainedIsCountedOnce() throws IOException {
        long all;
        try (Model model = TinyRun.model()) {
            all = model.weights().elements();
        }
        String full = card(Method.FULL);
        assertTrue(
                full.contains(String.format(Locale.ROOT, "method `full`: all %,d parameters of the llama", all)), full);
        String lora = card(Method.LORA);
        assertTrue(lora.contains(String.format(Locale.ROOT, " parameters beside %,d of the llama model.", all)), lora);
    }
}
