package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.data.Dataset;
import org.loft4j.data.Languages;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.TrainingSet;
import org.loft4j.io.Json;
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

    /** Transformers writes by these files, which named another language before the training. */
    @ParameterizedTest
    @CsvSource({"MBartTokenizer, 4, 4", "M2M100Tokenizer, 5, 4"})
    void theLanguageThatWasLearntIsTheOneThatFilesForce(String tokenizer, long start, long first) throws IOException {
        Path config = Files.writeString(
                folder.resolve("config.json"), "{\"decoder_start_token_id\": 5, \"forced_bos_token_id\": 7}");
        Path generation =
                Files.writeString(folder.resolve("generation_config.json"), "{\"forced_bos_token_id\": null}");
        Languages languages = new Languages(
                new Languages.Code("a", 3), new Languages.Code("b", 4), tokenizer, false, 1, folder.resolve("none"));
        WrittenLanguage.write(folder, languages);
        assertEquals(start, Json.read(config).requireLong("decoder_start_token_id"));
        assertEquals(first, Json.read(config).requireLong("forced_bos_token_id"));
        assertNull(Json.read(generation).node("forced_bos_token_id"));
        CopiedFiles named = new CopiedFiles(Map.of(Path.of("tokenizer.json"), new byte[0])).between(languages);
        String settings = new String(
                Objects.requireNonNull(named.contents().get(Path.of("tokenizer_config.json"))), StandardCharsets.UTF_8);
        assertTrue(settings.contains("\"" + tokenizer + "\""), settings);
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
