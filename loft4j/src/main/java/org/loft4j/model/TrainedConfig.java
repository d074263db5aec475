package org.loft4j.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QwenTower;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.model.gemma3.Gemma3Model;
import org.loft4j.model.gemma4.Gemma4Config;
import org.loft4j.model.gemma4.Gemma4Model;
import org.loft4j.model.llama4.Llama4Config;
import org.loft4j.model.llama4.Llama4Model;
import org.loft4j.model.mistral.MistralConfig;
import org.loft4j.model.mistral.MistralModel;
import org.loft4j.model.qwen2.Qwen2Model;
import org.loft4j.model.qwen3.Qwen3Model;
import org.loft4j.model.qwen35.Qwen35Config;
import org.loft4j.model.qwen35.Qwen35Model;
import org.loft4j.model.shared.ScoredExperts;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/**
 * config.json of a model that was trained in full: the one of its origin, as it is when this is made, with what training makes of it.
 */
public final class TrainedConfig {
    private static final String NAME = "config.json";
    private static final String TEXT = "text_config";

    private static final String PADDING = "pad_token_id";

    /** How the names of a family's classes in Transformers begin. */
    private static final Map<String, String> STEMS = Map.ofEntries(
            Map.entry("albert", "Albert"),
            Map.entry("bart", "Bart"),
            Map.entry("bert", "Bert"),
            Map.entry("camembert", "Camembert"),
            Map.entry("cohere", "Cohere"),
            Map.entry("cohere2", "Cohere2"),
            Map.entry("deberta-v2", "DebertaV2"),
            Map.entry("deepseek_v2", "DeepseekV2"),
            Map.entry("deepseek_v3", "DeepseekV3"),
            Map.entry("deit", "DeiT"),
            Map.entry("dinov2", "Dinov2"),
            Map.entry("dinov2_with_registers", "Dinov2WithRegisters"),
            Map.entry("distilbert", "DistilBert"),
            Map.entry("electra", "Electra"),
            Map.entry("ernie4_5", "Ernie4_5"),
            Map.entry("exaone4", "Exaone4"),
            Map.entry("gemma", "Gemma"),
            Map.entry("gemma2", "Gemma2"),
            Map.entry(Gemma3Model.WITH_VISION, "Gemma3"),
            Map.entry(Gemma4Model.FAMILY, "Gemma4"),
            Map.entry(Gemma4Model.WITH_TOWERS, "Gemma4"),
            Map.entry("glm4", "Glm4"),
            Map.entry("glm4_moe", "Glm4Moe"),
            Map.entry("glm4_moe_lite", "Glm4MoeLite"),
            Map.entry("gpt2", "GPT2"),
            Map.entry("gpt_neo", "GPTNeo"),
            Map.entry("gpt_neox", "GPTNeoX"),
            Map.entry("gpt_oss", "GptOss"),
            Map.entry("granite", "Granite"),
            Map.entry("granitemoe", "GraniteMoe"),
            Map.entry("granitemoehybrid", "GraniteMoeHybrid"),
            Map.entry("lfm2", "Lfm2"),
            Map.entry("llama", "Llama"),
            Map.entry(Llama4Model.WITH_VISION, "Llama4"),
            Map.entry("m2m_100", "M2M100"),
            Map.entry("mbart", "MBart"),
            Map.entry("ministral", "Ministral"),
            Map.entry("ministral3", "Ministral3"),
            Map.entry("mistral", "Mistral"),
            Map.entry(MistralModel.WITH_VISION, "Mistral3"),
            Map.entry("mixtral", "Mixtral"),
            Map.entry("modernbert", "ModernBert"),
            Map.entry("mpnet", "MPNet"),
            Map.entry("mt5", "MT5"),
            Map.entry("olmo2", "Olmo2"),
            Map.entry("olmo3", "Olmo3"),
            Map.entry("olmoe", "Olmoe"),
            Map.entry("opt", "OPT"),
            Map.entry("pegasus", "Pegasus"),
            Map.entry("phi", "Phi"),
            Map.entry("phi3", "Phi3"),
            Map.entry("qwen2", "Qwen2"),
            Map.entry(Qwen2Model.WITH_VISION, "Qwen2VL"),
            Map.entry(Qwen2Model.WITH_VISION_25, "Qwen2_5_VL"),
            Map.entry("qwen3", "Qwen3"),
            Map.entry(Qwen3Model.WITH_VISION, "Qwen3VL"),
            Map.entry(Qwen35Model.WITH_VISION, "Qwen3_5"),
            Map.entry(Qwen35Model.MIXTURE_WITH_VISION, "Qwen3_5Moe"),
            Map.entry("qwen2_moe", "Qwen2Moe"),
            Map.entry("stablelm", "StableLm"),
            Map.entry("qwen3_moe", "Qwen3Moe"),
            Map.entry("qwen3_next", "Qwen3Next"),
            Map.entry("roberta", "Roberta"),
            Map.entry("seed_oss", "SeedOss"),
            Map.entry("smollm3", "SmolLM3"),
            Map.entry("starcoder2", "Starcoder2"),
            Map.entry("t5", "T5"),
            Map.entry("vit", "ViT"),
            Map.entry("xlm-roberta", "XLMRoberta"));

    /** Families of text alone whose plain name Transformers gives to the classes with a vision tower: for other tasks than writing it adds Text. */
    private static final Map<String, String> OF_TEXT = Map.of(
            "gemma3_text",
            "Gemma3",
            Llama4Model.FAMILY,
            "Llama4",
            Qwen35Model.FAMILY,
            "Qwen3_5",
            Qwen35Model.MIXTURE,
            "Qwen3_5Moe");

    private final @Nullable ObjectNode config;

    private TrainedConfig(@Nullable ObjectNode config) {
        this.config = config;
    }

    /**
     * That of a model which is written as a whole, with the vision tower where it has one; there is none for a model that was not
     * read from a directory.
     *
     * @param dtype that the weights will be in; null for the model's
     * @param padId {@code pad_token_id} that the origin's lacks; negative for none
     */
    public static TrainedConfig of(Model model, @Nullable Dtype dtype, long padId) throws IOException {
        JsonObject origin = origin(model);
        if (origin == null) {
            return new TrainedConfig(null);
        }
        ObjectNode config = origin.toTree();
        Dtype written = dtype == null ? model.description().dtype() : dtype;
        for (String part : List.of(TEXT, "vision_config", "audio_config")) {
            if (config.path(part) instanceof ObjectNode settings) {
                putDtype(settings, written);
            }
        }
        complete(config, model, written, model.description().family());
        if (padId >= 0) {
            (config.path(TEXT) instanceof ObjectNode text ? text : config).put(PADDING, padId);
        }
        return new TrainedConfig(config);
    }

    /**
     * The same of the parameters that are trained here: in a model with a vision tower those of the language model, which then is
     * a model of its own.
     */
    public static TrainedConfig alone(Model model, long padId) throws IOException {
        JsonObject origin = origin(model);
        if (origin == null) {
            return new TrainedConfig(null);
        }
        ObjectNode config = switch (model.description().family()) {
            case Gemma3Model.WITH_VISION -> Gemma3Config.languageModel(origin);
            case Gemma4Model.WITH_TOWERS -> Gemma4Config.languageModel(origin);
            case Llama4Model.WITH_VISION -> Llama4Config.languageModel(origin);
            case MistralModel.WITH_VISION -> MistralConfig.languageModel(origin);
            case Qwen35Model.WITH_VISION, Qwen35Model.MIXTURE_WITH_VISION -> Qwen35Config.languageModel(origin);
            default -> QwenTower.alone(origin).toTree();
        };
        for (String key : List.of("bos_token_id", "eos_token_id", PADDING, "transformers_version")) {
            if (!config.has(key) && origin.has(key)) {
                config.set(key, origin.node(key));
            }
        }
        complete(
                config,
                model,
                model.description().dtype(),
                config.path("model_type").asText());
        if (padId >= 0) {
            config.put(PADDING, padId);
        }
        if (config.has(ScoredExperts.FURTHER)) {
            // such blocks are not read, and so not written
            config.put(ScoredExperts.FURTHER, 0);
        }
        return new TrainedConfig(config);
    }

    private static @Nullable JsonObject origin(Model model) throws IOException {
        Path directory = model.description().directory();
        return directory == null || !Files.isRegularFile(directory.resolve(NAME))
                ? null
                : Json.read(directory.resolve(NAME));
    }

    private static void putDtype(ObjectNode settings, Dtype dtype) {
        for (String key : List.of("dtype", "torch_dtype")) {
            if (settings.has(key)) {
                settings.put(key, dtype.torchName());
            }
        }
    }

    /** @param family of what is written */
    private static void complete(ObjectNode config, Model model, Dtype dtype, String family) {
        ModelDescription description = model.description();
        // the classes of every family here are in Transformers, and the files that auto_map names are not copied
        config.remove(List.of("dtype", "num_labels", "_num_labels", "auto_map"));
        config.put("torch_dtype", dtype.torchName());
        if (model.task().isClassification()) {
            config.remove("problem_type");
            if (model.isRegression()) {
                config.put("problem_type", "regression");
            } else if (model.isMultiLabel()) {
                config.put("problem_type", "multi_label_classification");
            }
            putLabels(config, description.labels());
            putPooling(config, description.pooling());
        }
        putArchitecture(config, family, model.task());
    }

    /** Writes it beside the weights; does nothing if there is none. */
    public void write(Path directory) throws IOException {
        if (config != null) {
            Json.write(directory.resolve(NAME), config);
        }
    }

    /** How Transformers names the classes of a task. */
    private static String ending(String family, Task task) {
        return switch (task) {
            case CAUSAL_LM ->
                switch (family) {
                    case "gpt2" -> "LMHeadModel";
                    case Gemma3Model.WITH_VISION,
                            Gemma4Model.WITH_TOWERS,
                            Llama4Model.WITH_VISION,
                            MistralModel.WITH_VISION,
                            Qwen2Model.WITH_VISION,
                            Qwen2Model.WITH_VISION_25,
                            Qwen3Model.WITH_VISION,
                            Qwen35Model.WITH_VISION,
                            Qwen35Model.MIXTURE_WITH_VISION -> "ForConditionalGeneration";
                    default -> "ForCausalLM";
                };
            case SEQ2SEQ_LM -> "ForConditionalGeneration";
            case SEQUENCE_CLASSIFICATION -> "ForSequenceClassification";
            case TOKEN_CLASSIFICATION -> "ForTokenClassification";
            case IMAGE_CLASSIFICATION -> "ForImageClassification";
            case SENTENCE_EMBEDDING -> "Model";
        };
    }

    private static void putLabels(ObjectNode config, List<String> labels) {
        ObjectNode names = config.putObject("id2label");
        ObjectNode numbers = config.putObject("label2id");
        for (int i = 0; i < labels.size(); i++) {
            names.put(Integer.toString(i), labels.get(i));
            numbers.put(labels.get(i), i);
        }
    }

    /** A pooler needs no word: its weights are in the file. */
    private static void putPooling(ObjectNode config, @Nullable Pooling pooling) {
        if (pooling == Pooling.CLS || pooling == Pooling.MEAN) {
            config.put("classifier_pooling", pooling.name().toLowerCase(Locale.ROOT));
        } else {
            config.remove("classifier_pooling");
        }
    }

    private static void putArchitecture(ObjectNode config, String family, Task task) {
        String before = config.path("architectures").path(0).asText("");
        config.putArray("architectures").add(className(before, family, task));
    }

    /**
     * The class of Transformers: {@code BertModel} and {@code BertForMaskedLM} become {@code BertForSequenceClassification}.
     *
     * @param before that of the origin; empty where it names none, as deberta-v3-base does not
     */
    static String className(String before, String family, Task task) {
        String stem = before.replaceFirst("(Model|LMHeadModel|DoubleHeadsModel|For[A-Z].*)$", "");
        String plain = OF_TEXT.get(family);
        if (plain != null) {
            // Gemma3ForSequenceClassification is the one that sees images
            stem = task == Task.CAUSAL_LM ? plain : plain + "Text";
        }
        if (family.equals(Gemma4Model.FAMILY)) {
            // Gemma4Model is the one that sees images
            stem = task == Task.SENTENCE_EMBEDDING ? "Gemma4Text" : "Gemma4";
        }
        return (stem.isEmpty() ? STEMS.getOrDefault(family, "") : stem) + ending(family, task);
    }
}
