package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

class TrainedConfigTest {
    @TempDir
    Path folder;

    /** The names are those of classes that Transformers has. */
    @ParameterizedTest
    @CsvSource({
        "gpt2, CAUSAL_LM, GPT2LMHeadModel",
        "gpt2, SEQUENCE_CLASSIFICATION, GPT2ForSequenceClassification",
        "gpt2_tok, TOKEN_CLASSIFICATION, GPT2ForTokenClassification",
        "gpt2_tok, CAUSAL_LM, GPT2LMHeadModel",
        "gemma3_text, CAUSAL_LM, Gemma3ForCausalLM",
        "gemma3_text, SEQUENCE_CLASSIFICATION, Gemma3TextForSequenceClassification",
        "gemma3, CAUSAL_LM, Gemma3ForConditionalGeneration",
        "gemma3, SEQUENCE_CLASSIFICATION, Gemma3ForSequenceClassification",
        "gemma3_cls, CAUSAL_LM, Gemma3ForConditionalGeneration",
        "gemma4, CAUSAL_LM, Gemma4ForConditionalGeneration",
        "gemma4_text, CAUSAL_LM, Gemma4ForCausalLM",
        "llama4, CAUSAL_LM, Llama4ForConditionalGeneration",
        "llama4_text, CAUSAL_LM, Llama4ForCausalLM",
        "mistral3, CAUSAL_LM, Mistral3ForConditionalGeneration",
        "qwen2_5_vl, CAUSAL_LM, Qwen2_5_VLForConditionalGeneration",
        "qwen3_vl, CAUSAL_LM, Qwen3VLForConditionalGeneration",
        "qwen3_5, CAUSAL_LM, Qwen3_5ForConditionalGeneration",
        "qwen3_5, TOKEN_CLASSIFICATION, Qwen3_5ForTokenClassification",
        "qwen3_5_cls, CAUSAL_LM, Qwen3_5ForConditionalGeneration",
        "qwen3_5_text, CAUSAL_LM, Qwen3_5ForCausalLM",
        "qwen3_5_text, SEQUENCE_CLASSIFICATION, Qwen3_5TextForSequenceClassification",
        "qwen3_5_moe, CAUSAL_LM, Qwen3_5MoeForConditionalGeneration",
        "qwen3_5_moe_text, CAUSAL_LM, Qwen3_5MoeForCausalLM",
        "llama_tok, TOKEN_CLASSIFICATION, LlamaForTokenClassification",
        "llama_tok, SEQUENCE_CLASSIFICATION, LlamaForSequenceClassification",
        "qwen3, CAUSAL_LM, Qwen3ForCausalLM",
        "bert_cls, TOKEN_CLASSIFICATION, BertForTokenClassification",
    })
    void theClassIsThatOfTheTask(String fixture, Task task, String expected) throws IOException {
        Path from = config(fixture, json -> {});
        assertEquals(List.of(expected), written(from, task).strings("architectures"));
        assertEquals(task, Models.defaultTask(folder.resolve("out")));
    }

    /** deberta-v3-base is such a one; vLLM and others go by the class. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, SEQUENCE_CLASSIFICATION, BertForSequenceClassification",
        "distilbert_cls, TOKEN_CLASSIFICATION, DistilBertForTokenClassification",
        "electra_tok, SEQUENCE_CLASSIFICATION, ElectraForSequenceClassification",
        "albert_tok, SEQUENCE_CLASSIFICATION, AlbertForSequenceClassification",
        "albert_cls, TOKEN_CLASSIFICATION, AlbertForTokenClassification",
        "mpnet_cls, TOKEN_CLASSIFICATION, MPNetForTokenClassification",
        "modernbert_tok, SEQUENCE_CLASSIFICATION, ModernBertForSequenceClassification",
        "gemma3_text, CAUSAL_LM, Gemma3ForCausalLM",
        "gemma3, CAUSAL_LM, Gemma3ForConditionalGeneration",
        "gemma4, CAUSAL_LM, Gemma4ForConditionalGeneration",
        "gemma4_text, CAUSAL_LM, Gemma4ForCausalLM",
        "llama4, CAUSAL_LM, Llama4ForConditionalGeneration",
        "llama4_text, CAUSAL_LM, Llama4ForCausalLM",
        "mistral3, CAUSAL_LM, Mistral3ForConditionalGeneration",
        "qwen2_5_vl, CAUSAL_LM, Qwen2_5_VLForConditionalGeneration",
        "qwen3_vl, CAUSAL_LM, Qwen3VLForConditionalGeneration",
        "qwen3_5, CAUSAL_LM, Qwen3_5ForConditionalGeneration",
        "qwen3_5_text, CAUSAL_LM, Qwen3_5ForCausalLM",
        "qwen3_5_moe, CAUSAL_LM, Qwen3_5MoeForConditionalGeneration",
        "qwen3_5_moe_text, CAUSAL_LM, Qwen3_5MoeForCausalLM",
        "gpt2, CAUSAL_LM, GPT2LMHeadModel",
        "granite, CAUSAL_LM, GraniteForCausalLM",
        "granitemoehybrid_h, CAUSAL_LM, GraniteMoeHybridForCausalLM",
        "granitemoe, CAUSAL_LM, GraniteMoeForCausalLM",
        "deepseek_v3, SEQUENCE_CLASSIFICATION, DeepseekV3ForSequenceClassification",
        "glm4_moe_lite, CAUSAL_LM, Glm4MoeLiteForCausalLM",
        "glm4_moe, CAUSAL_LM, Glm4MoeForCausalLM",
        "deepseek_v2, SEQUENCE_CLASSIFICATION, DeepseekV2ForSequenceClassification",
        "qwen2_moe, TOKEN_CLASSIFICATION, Qwen2MoeForTokenClassification",
        "stablelm, CAUSAL_LM, StableLmForCausalLM",
        "glm4, TOKEN_CLASSIFICATION, Glm4ForTokenClassification",
        "cohere, CAUSAL_LM, CohereForCausalLM",
        "cohere2, CAUSAL_LM, Cohere2ForCausalLM",
        "seed_oss, TOKEN_CLASSIFICATION, SeedOssForTokenClassification",
        "ernie4_5, CAUSAL_LM, Ernie4_5ForCausalLM",
        "exaone4, TOKEN_CLASSIFICATION, Exaone4ForTokenClassification",
        "lfm2, CAUSAL_LM, Lfm2ForCausalLM",
        "gpt_neo, CAUSAL_LM, GPTNeoForCausalLM",
        "gpt_neo, TOKEN_CLASSIFICATION, GPTNeoForTokenClassification",
        "gpt_neox, CAUSAL_LM, GPTNeoXForCausalLM",
        "gpt_neox, TOKEN_CLASSIFICATION, GPTNeoXForTokenClassification",
        "opt, CAUSAL_LM, OPTForCausalLM",
        "opt_post, SEQUENCE_CLASSIFICATION, OPTForSequenceClassification",
        "phi, SEQUENCE_CLASSIFICATION, PhiForSequenceClassification",
        "gemma, CAUSAL_LM, GemmaForCausalLM",
        "starcoder2, CAUSAL_LM, Starcoder2ForCausalLM",
        "olmo2, CAUSAL_LM, Olmo2ForCausalLM",
        "olmo3_yarn, SEQUENCE_CLASSIFICATION, Olmo3ForSequenceClassification",
        "qwen3_moe, SEQUENCE_CLASSIFICATION, Qwen3MoeForSequenceClassification",
        "qwen3_next, TOKEN_CLASSIFICATION, Qwen3NextForTokenClassification",
        "mixtral_sw, CAUSAL_LM, MixtralForCausalLM",
        "olmoe, CAUSAL_LM, OlmoeForCausalLM",
        "gpt_oss, TOKEN_CLASSIFICATION, GptOssForTokenClassification",
        "qwen3, SEQUENCE_CLASSIFICATION, Qwen3ForSequenceClassification",
    })
    void anOriginThatNamesNoClassGetsThatOfItsFamily(String fixture, Task task, String expected) throws IOException {
        Path from = config(fixture, json -> json.remove("architectures"));
        assertEquals(List.of(expected), written(from, task).strings("architectures"));
    }

    /** Sentence embeddings have no head, and so the base class, which AutoModel makes. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, BertModel",
        "roberta_cls, RobertaModel",
        "distilbert_cls, DistilBertModel",
        "deberta_v2_cls, DebertaV2Model",
        "modernbert_cls, ModernBertModel",
        "albert_cls, AlbertModel",
        "gpt2, GPT2Model",
        "llama_gqa, LlamaModel",
        "mistral_sw, MistralModel",
        "qwen2, Qwen2Model",
        "qwen3, Qwen3Model",
        "gemma2_cap, Gemma2Model",
        "gemma3_text, Gemma3TextModel",
        "phi3_partial, Phi3Model",
        "smollm3_sliding, SmolLM3Model",
        "granite, GraniteModel",
        "granitemoehybrid, GraniteMoeHybridModel",
        "lfm2, Lfm2Model",
        "gpt_neo, GPTNeoModel",
        "gpt_neox, GPTNeoXModel",
        "opt, OPTModel",
        "phi_cls, PhiModel",
        "gemma, GemmaModel",
        "starcoder2, Starcoder2Model",
        "deepseek_v3, DeepseekV3Model",
        "glm4_moe_lite, Glm4MoeLiteModel",
        "glm4_moe, Glm4MoeModel",
        "deepseek_v2, DeepseekV2Model",
        "qwen2_moe, Qwen2MoeModel",
        "stablelm, StableLmModel",
        "glm4, Glm4Model",
        "cohere, CohereModel",
        "cohere2, Cohere2Model",
        "seed_oss, SeedOssModel",
        "ernie4_5, Ernie4_5Model",
        "exaone4, Exaone4Model",
        "olmo2, Olmo2Model",
        "olmo3_yarn, Olmo3Model",
        "gemma3, Gemma3Model",
        "gemma4, Gemma4Model",
        "gemma4_text, Gemma4TextModel",
        "llama4_text, Llama4TextModel",
        "mistral3, Mistral3Model",
        "qwen2_5_vl, Qwen2_5_VLModel",
        "qwen3_vl, Qwen3VLModel",
        "qwen3_5, Qwen3_5Model",
        "qwen3_5_text, Qwen3_5TextModel",
        "qwen3_5_moe, Qwen3_5MoeModel",
        "qwen3_5_moe_text, Qwen3_5MoeTextModel",
        "qwen3_moe, Qwen3MoeModel",
        "qwen3_next, Qwen3NextModel",
        "mixtral_sw, MixtralModel",
        "olmoe, OlmoeModel",
        "gpt_oss, GptOssModel",
    })
    void sentenceEmbeddingsHaveTheBaseClass(String fixture, String expected) throws IOException {
        for (boolean named : new boolean[] {true, false}) {
            Path from = config(fixture, json -> {
                if (!named) {
                    json.remove("architectures");
                }
            });
            JsonObject json = written(from, Task.SENTENCE_EMBEDDING);
            assertEquals(List.of(expected), json.strings("architectures"));
        }
        assertEquals("XLMRobertaModel", TrainedConfig.className("", "xlm-roberta", Task.SENTENCE_EMBEDDING));
        assertEquals("CamembertModel", TrainedConfig.className("", "camembert", Task.SENTENCE_EMBEDDING));
        assertEquals(
                "MinistralModel",
                TrainedConfig.className("MinistralForCausalLM", "ministral", Task.SENTENCE_EMBEDDING));
    }

    /** So that a family that is added is not forgotten here. */
    @Test
    void everyFamilyHasAClass() throws IOException {
        for (String family : Models.families()) {
            String name = TrainedConfig.className("", family, Task.SEQUENCE_CLASSIFICATION);
            assertFalse(name.startsWith("For"), family);
        }
    }

    @Test
    void labelsAndTheKindOfLossAreThoseOfTheTraining() throws IOException {
        Path from = config(
                "qwen2",
                json -> json.put("problem_type", "single_label_classification")
                        .putObject("auto_map")
                        .put("AutoConfig", "configuration_own.OwnConfig"));
        JsonObject json = written(from, Task.TOKEN_CLASSIFICATION);
        assertFalse(json.has("problem_type"));
        assertFalse(json.has("auto_map"), "its code is not copied");
        assertEquals(List.of("a", "b", "c"), Models.labels(folder.resolve("out")));
        assertEquals("float32", json.requireString("torch_dtype"));
        assertFalse(json.has("dtype"));
    }

    /** A merge carries blocks that predict further tokens over; what was trained has none. */
    @Test
    void whatWasTrainedHasNoBlocksForFurtherTokens() throws IOException {
        Path from = config("deepseek_v3", json -> {});
        assertEquals(
                1,
                written(from, Task.CAUSAL_LM).node("num_nextn_predict_layers").asInt());
        Path out = folder.resolve("out");
        try (Model model = Models.initialise(from, ModelOptions.of(Task.CAUSAL_LM))) {
            TrainedConfig.alone(model, -1).write(out);
        }
        assertEquals(
                0,
                Json.read(out.resolve("config.json"))
                        .node("num_nextn_predict_layers")
                        .asInt());
    }

    /** As Transformers writes {@code num_labels=1}: the count is that of the names. */
    @Test
    void aRegressionHasOneLabelAndSaysSo() throws IOException {
        Path from = config("qwen2", json -> json.put("num_labels", 3));
        Path out = Files.createDirectories(folder.resolve("out"));
        try (Model model = Models.initialise(
                from, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("LABEL_0")))) {
            TrainedConfig.of(model, null, -1).write(out);
        }
        JsonObject json = Json.read(out.resolve("config.json"));
        assertEquals("regression", json.requireString("problem_type"));
        assertEquals("{\"0\":\"LABEL_0\"}", String.valueOf(json.node("id2label")));
        assertEquals("{\"LABEL_0\":0}", String.valueOf(json.node("label2id")));
        assertFalse(json.has("num_labels"));
        assertEquals(true, Models.isRegression(out));
    }

    @Test
    void severalLabelsATextAreSaidAndReadAgain() throws IOException {
        Path from = config("qwen2", json -> {});
        Path out = Files.createDirectories(folder.resolve("out"));
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(List.of("x", "y"))
                .withMultiLabel(true);
        try (Model model = Models.initialise(from, options)) {
            TrainedConfig.of(model, null, -1).write(out);
        }
        JsonObject json = Json.read(out.resolve("config.json"));
        assertEquals("multi_label_classification", json.requireString("problem_type"));
        assertEquals(true, Models.isMultiLabel(out));
        try (Model model = Models.initialise(out, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            assertEquals(List.of("x", "y"), model.description().labels());
            assertEquals(true, model.isMultiLabel());
        }
    }

    private JsonObject written(Path from, Task task) throws IOException {
        ModelOptions options = ModelOptions.of(task);
        Path out = Files.createDirectories(folder.resolve("out"));
        try (Model model = Models.initialise(
                from, task.isClassification() ? options.withLabels(List.of("a", "b", "c")) : options)) {
            TrainedConfig.of(model, null, -1).write(out);
        }
        return Json.read(out.resolve("config.json"));
    }

    private Path config(String fixture, java.util.function.Consumer<ObjectNode> change) throws IOException {
        Path to = Files.createDirectories(folder.resolve("from"));
        ObjectNode json =
                Json.read(Fixture.directory(fixture).resolve("config.json")).toTree();
        change.accept(json);
        Json.write(to.resolve("config.json"), json);
        return to;
    }
}
