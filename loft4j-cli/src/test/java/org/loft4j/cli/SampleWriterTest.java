package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;

class SampleWriterTest {
    @TempDir
    Path folder;

    /** Whether a run goes on that has diverged is for its settings to say. */
    @Test
    void aModelWhoseLogitsAreNoNumbersDoesNotEndTheRun() throws Exception {
        Path stories = Fixtures.of("stories260K");
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(stories, ModelOptions.of(Task.CAUSAL_LM));
                Tokenizer tokenizer = Tokenizer.open(stories)) {
            Prompts prompts = new Prompts(
                    List.of(new Prompts.Prompt("Once", "Once", tokenizer.encodePrompt("Once"))),
                    null,
                    Collections.emptySortedSet());
            try (SampleWriter samples = new SampleWriter(folder, prompts, model, tokenizer, 3, 0, false)) {
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    model.weights().get("model.norm.weight").fill_(new Scalar(Double.NaN));
                }
                samples.onEvaluation(1, null, false);
            }
        }
        List<String> written = Files.readAllLines(folder.resolve(SampleWriter.FILE));
        assertEquals(2, written.size());
        assertTrue(!written.get(0).contains("(none"), written.get(0));
        assertTrue(written.get(1).contains("(none: the logits of this llama are not finite"), written.get(1));
    }
}
