package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Dataset;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.TrainingSet;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

class RunNotesTest {
    @TempDir
    Path folder;

    /** The files of sentence-transformers are those of the base, with pooling and length of the training. */
    @Test
    void whatATrainingOfSentenceEmbeddingsLeavesIsOpenedBySentenceTransformers() throws IOException {
        Path base = Files.createDirectories(folder.resolve("base"));
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(Fixture.directory("bert_cls").resolve(name), base.resolve(name));
        }
        assertEquals(
                new SentenceFiles(Pooling.LAST, true, 24, false, Map.of(), null, "cosine"),
                SentenceFiles.read(written(base, Task.SENTENCE_EMBEDDING, "plain")));
        Map<String, String> prompts = Map.of("query", "query: ");
        new SentenceFiles(Pooling.CLS, false, 256, false, prompts, "query", "dot").write(base, 64);
        Path result = written(base, Task.SENTENCE_EMBEDDING, "sentences");
        // nothing stood before the texts that were learnt, and nothing does before those of a search
        Map<String, String> none = Map.of("query", "", "document", "");
        assertEquals(
                new SentenceFiles(Pooling.LAST, false, 24, false, none, "query", "dot"), SentenceFiles.read(result));
        assertEquals(Pooling.LAST, TaskFile.read(result).pooling());
        assertNull(SentenceFiles.find(written(base, Task.SEQUENCE_CLASSIFICATION, "classes")));
    }

    private Path written(Path base, Task task, String name) throws IOException {
        Dataset rows = Dataset.classificationIds(List.of(new int[] {1, 2}, new int[] {3, 4}), new int[] {0, 1});
        Path result = Files.createDirectories(folder.resolve(name));
        ModelOptions options =
                ModelOptions.of(task).withPooling(task == Task.SENTENCE_EMBEDDING ? Pooling.LAST : Pooling.MEAN);
        try (Model model = Models.open(base, options)) {
            TrainingSet learnt = task == Task.SENTENCE_EMBEDDING ? new MatchDataset(rows) : rows;
            RunNotes.of(
                            model,
                            new TrainData(learnt, null, 0, 24),
                            TrainConfig.builder(Method.LOFT).build(),
                            null)
                    .write(result);
        }
        assertTrue(TaskFile.exists(result));
        return result;
    }
}
