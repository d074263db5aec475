package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;

class SentenceFilesTest {
    private static final String TRANSFORMER = module("", "sentence_transformers.models.Transformer");
    private static final String POOLING = module("1_Pooling", "sentence_transformers.models.Pooling");
    private static final String NORMALIZE = module("2_Normalize", "sentence_transformers.models.Normalize");

    @TempDir
    Path folder;

    private static String module(String path, String type) {
        return "{\"idx\": 0, \"name\": \"0\", \"path\": \"" + path + "\", \"type\": \"" + type + "\"}";
    }

    private void write(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    @BeforeEach
    void theFilesOfAllMiniLm() throws IOException {
        write("modules.json", "[" + TRANSFORMER + "," + POOLING + "," + NORMALIZE + "]");
        write(
                "1_Pooling/config.json",
                "{\"word_embedding_dimension\": 384, \"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": true,"
                        + " \"pooling_mode_max_tokens\": false, \"pooling_mode_mean_sqrt_len_tokens\": false}");
        write("sentence_bert_config.json", "{\"max_seq_length\": 256, \"do_lower_case\": false}");
        write("config_sentence_transformers.json", "{\"__version__\": {\"sentence_transformers\": \"2.0.0\"}}");
    }

    @Test
    void theyAreRead() throws IOException {
        assertEquals(
                new SentenceFiles(Pooling.MEAN, true, 256, false, Map.of(), null, null), SentenceFiles.read(folder));
        write("modules.json", "[" + TRANSFORMER + "," + POOLING + "]");
        write("sentence_bert_config.json", "{\"max_seq_length\": null}");
        assertFalse(SentenceFiles.read(folder).normalised());
        assertEquals(0, SentenceFiles.read(folder).maxLength());
    }

    /** Since version 5.4 modules lie elsewhere, and pooling is one word. */
    @Test
    void newFilesAreReadAsOldOnes() throws IOException {
        write(
                "modules.json",
                "[" + module("", "sentence_transformers.base.modules.transformer.Transformer") + ","
                        + module("1_Pooling", "sentence_transformers.sentence_transformer.modules.pooling.Pooling")
                        + ","
                        + module("2_Normalize", "sentence_transformers.base.modules.normalize.Normalize") + "]");
        write(
                "1_Pooling/config.json",
                "{\"embedding_dimension\": 384, \"pooling_mode\": \"lasttoken\", \"include_prompt\": true}");
        write("sentence_bert_config.json", "{\"transformer_task\": \"feature-extraction\"}");
        write(
                "config_sentence_transformers.json",
                "{\"model_type\": \"SentenceTransformer\", \"prompts\": {\"query\": \"query: \", \"document\": \"\"},"
                        + " \"default_prompt_name\": \"query\", \"similarity_fn_name\": \"dot\"}");
        SentenceFiles read = SentenceFiles.read(folder);
        assertEquals(
                new SentenceFiles(
                        Pooling.LAST, true, 0, false, Map.of("query", "query: ", "document", ""), "query", "dot"),
                read);
        assertEquals("query: ", read.prompt(null));
        assertEquals("", read.prompt("document"));
        ConfigException unknown = assertThrows(ConfigException.class, () -> read.prompt("passage"));
        assertTrue(String.valueOf(unknown.getMessage()).contains("query"), unknown.getMessage());
    }

    @ParameterizedTest
    @CsvSource({
        "pooling_mode_cls_token, CLS",
        "pooling_mode_mean_tokens, MEAN",
        "pooling_mode_lasttoken, LAST",
        "pooling_mode_max_tokens, max",
        "pooling_mode_mean_sqrt_len_tokens, mean_sqrt_len_tokens",
        "pooling_mode_weightedmean_tokens, weightedmean",
    })
    void oneWayOfPoolingIsComputedOrRefusedByName(String key, String way) throws IOException {
        write("1_Pooling/config.json", "{\"" + key + "\": true}");
        if (way.equals(way.toUpperCase(java.util.Locale.ROOT))) {
            assertEquals(Pooling.valueOf(way), SentenceFiles.read(folder).pooling());
        } else {
            refuses("pools by " + way + ":");
        }
        write("1_Pooling/config.json", "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}");
        refuses("cls and mean");
    }

    @Test
    void whatCannotBeComputedIsRefusedByName() throws IOException {
        write(
                "modules.json",
                "[" + TRANSFORMER + "," + POOLING + "," + module("2_CNN", "sentence_transformers.models.CNN") + "]");
        refuses("module 2 is sentence_transformers.models.CNN in 2_CNN:");
        write(
                "modules.json",
                "[" + TRANSFORMER + "," + POOLING + "," + NORMALIZE + ","
                        + module("3_Dense", "sentence_transformers.models.Dense") + "]");
        refuses("module 3 is sentence_transformers.models.Dense in 3_Dense:");
        write("modules.json", "[" + module("", "custom.Transformer") + "," + POOLING + "]");
        refuses("module 0 is custom.Transformer:");
        write("modules.json", "[" + module("0_Transformer", "sentence_transformers.models.Transformer") + "]");
        refuses("in 0_Transformer:");
        write("modules.json", "[" + TRANSFORMER + "]");
        refuses("no Transformer with a Pooling");
        write(
                "modules.json",
                "[" + TRANSFORMER + "," + module("../1_Pooling", "sentence_transformers.models.Pooling") + "]");
        refuses("beside the file");
        write("modules.json", "{}");
        refuses("a list of JSON objects");
        theFilesOfAllMiniLm();
        write("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true, \"include_prompt\": false}");
        assertEquals(Pooling.MEAN, SentenceFiles.read(folder).pooling(), "no prompt is left out");
        write("config_sentence_transformers.json", "{\"prompts\": {\"query\": \"query: \"}}");
        refuses("include_prompt");
        Files.delete(folder.resolve("config_sentence_transformers.json"));
        theFilesOfAllMiniLm();
        write("sentence_bert_config.json", "{\"max_seq_length\": 256, \"do_lower_case\": true}");
        assertTrue(SentenceFiles.read(folder).lowerCase(), "an adapter's checkpoint has no tokenizer of its own");
        write("tokenizer.json", "{\"normalizer\": {\"type\": \"NFC\"}}");
        refuses("do_lower_case");
        write("tokenizer.json", "{\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}}");
        assertTrue(SentenceFiles.read(folder).lowerCase());
        write("sentence_bert_config.json", "{\"transformer_task\": \"fill-mask\"}");
        refuses("transformer_task");
        theFilesOfAllMiniLm();
        write("config_sentence_transformers.json", "{\"model_type\": \"SparseEncoder\"}");
        refuses("model_type");
        write("config_sentence_transformers.json", "{\"prompts\": {\"a\": \"b\"}, \"default_prompt_name\": \"c\"}");
        refuses("default_prompt_name");
    }

    private void refuses(String part) {
        CheckpointException refused = assertThrows(CheckpointException.class, () -> SentenceFiles.read(folder));
        assertTrue(String.valueOf(refused.getMessage()).contains(part), refused.getMessage());
    }

    /** As sentence-transformers takes them for encode_query and encode_document. */
    @Test
    void aQueryAndADocumentHavePromptsOfTheirOwn() {
        assertEquals("q: d: ", prompts(Map.of("query", "q: ", "passage", "p: ", "document", "d: ", "s", "s: "), "s"));
        assertEquals("q: p: ", prompts(Map.of("query", "q: ", "corpus", "c: ", "passage", "p: "), null));
        assertEquals("q: c: ", prompts(Map.of("query", "q: ", "corpus", "c: "), null));
        assertEquals("s: s: ", prompts(Map.of("s", "s: ", "STS", "t: "), "s"));
        assertEquals("", prompts(Map.of("STS", "t: "), null));
        assertEquals("q: ", prompts(Map.of("query", "q: ", "document", ""), "query"), "an empty one is one");
        SentenceFiles files = prompted(Map.of("query", "q: ", "passage", "p: "), "passage");
        assertEquals(files, files.withPrompts("q: ", "p: "), "what is so already stays as it is");
        SentenceFiles other = files.withPrompts("", "text: ");
        assertEquals(Map.of("query", "", "passage", "p: ", "document", "text: "), other.prompts());
        assertEquals("", other.queryPrompt());
        assertEquals("text: ", other.documentPrompt());
    }

    private static SentenceFiles prompted(Map<String, String> prompts, String usual) {
        return new SentenceFiles(Pooling.MEAN, true, 0, false, prompts, usual, null);
    }

    private static String prompts(Map<String, String> prompts, String usual) {
        SentenceFiles files = prompted(prompts, usual);
        return files.queryPrompt() + files.documentPrompt();
    }

    @Test
    void whatIsWrittenIsReadAgainAndRemoved() throws IOException {
        SentenceFiles files =
                new SentenceFiles(Pooling.CLS, true, 128, false, Map.of("query", "Represent this: "), null, "cosine");
        Path out = folder.resolve("out");
        files.write(out, 64);
        assertEquals(files, SentenceFiles.read(out));
        assertEquals(
                "{\"include_prompt\":true,\"pooling_mode_cls_token\":true,\"pooling_mode_lasttoken\":false,"
                        + "\"pooling_mode_max_tokens\":false,\"pooling_mode_mean_sqrt_len_tokens\":false,"
                        + "\"pooling_mode_mean_tokens\":false,\"pooling_mode_weightedmean_tokens\":false,"
                        + "\"word_embedding_dimension\":64}",
                Json.text(Json.read(out.resolve("1_Pooling").resolve("config.json"))
                        .toTree()));
        assertEquals(
                "{\"idx\":2,\"name\":\"2\",\"path\":\"2_Normalize\",\"type\":\"sentence_transformers.models.Normalize\"}",
                Json.text(Json.readList(out.resolve("modules.json")).get(2).toTree()));
        assertEquals(
                "{\"max_seq_length\":128,\"do_lower_case\":false}",
                Json.text(Json.read(out.resolve("sentence_bert_config.json")).toTree()));
        SentenceFiles.delete(out);
        try (var left = Files.list(out)) {
            assertEquals(0, left.count());
        }
        assertNull(SentenceFiles.find(out));
    }

    /** A model is opened as its files say, unless another pooling is asked for. */
    @Test
    void aModelPoolsAsItsFilesSay() throws IOException {
        for (String name : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(Fixture.directory("bert_cls").resolve(name), folder.resolve(name));
        }
        write("1_Pooling/config.json", "{\"pooling_mode_cls_token\": true}");
        ModelOptions options = ModelOptions.of(Task.SENTENCE_EMBEDDING);
        try (Model asStated = Models.open(folder, options);
                Model asAsked = Models.open(folder, options.withPooling(Pooling.LAST))) {
            assertEquals(Pooling.CLS, asStated.description().pooling());
            assertEquals(Pooling.LAST, asAsked.description().pooling());
            SentenceFiles trained = SentenceFiles.trained(asAsked, SentenceFiles.read(folder), 32);
            assertEquals(new SentenceFiles(Pooling.LAST, true, 32, false, Map.of(), null, null), trained);
            assertTrue(SentenceFiles.trained(asStated, null, 32).normalised());
        }
        write("modules.json", "[" + TRANSFORMER + "]");
        assertThrows(CheckpointException.class, () -> Models.open(folder, options));
        Models.open(folder, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)).close();
    }
}
