package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.io.TiedHead;

/** Looks at a model directory for what servers stumble over: weights, tokenizer, chat template, end and padding. */
public final class ModelDoctor {
    /** The families that read images, and no text. */
    static final Set<String> OF_IMAGES = Set.of("deit", "dinov2", "dinov2_with_registers", "vit");

    /** The families that read texts in both directions. */
    static final Set<String> ENCODERS = Set.of(
            "albert",
            "bert",
            "camembert",
            "deberta-v2",
            "distilbert",
            "electra",
            "modernbert",
            "mpnet",
            "roberta",
            "xlm-roberta");

    /** What Transformers and vLLM read where there are no safetensors. */
    private static final List<String> PICKLES = List.of("pytorch_model.bin", "pytorch_model.bin.index.json");

    private final Path directory;
    private final JsonObject config;
    private final Comparison comparison;
    private final Ending ending;
    private final Vectors vectors;
    private final Notes notes = new Notes();

    private ModelDoctor(Path directory, JsonObject config, Comparison comparison, Ending ending, Vectors vectors) {
        this.directory = directory;
        this.config = config;
        this.comparison = comparison;
        this.ending = ending;
        this.vectors = vectors;
    }

    /** Compares weights with config.json, which takes somebody who knows the families. */
    @FunctionalInterface
    public interface Comparison {
        /**
         * Looks at names and shapes.
         *
         * @throws ConfigException if what config.json describes is not known
         * @throws CheckpointException if the weights are not those that config.json asks for
         */
        void check(Path directory) throws IOException;
    }

    /** Finds the end of an answer, which takes somebody who writes conversations by a chat template. */
    @FunctionalInterface
    public interface Ending {
        /**
         * The token behind an answer, where no {@code eos_token_id} names it; null where one does, or there is no such token.
         *
         * @throws CheckpointException if tokenizer or template cannot be used
         */
        @Nullable
        String unnamed(Path directory) throws IOException;
    }

    /** Reads what lies beside a model of sentence embeddings, which takes somebody who knows the files of sentence-transformers. */
    @FunctionalInterface
    public interface Vectors {
        /**
         * How vectors are made; null where nothing says it.
         *
         * @throws CheckpointException if the files are faulty, or say what is not computed here
         */
        @Nullable
        PooledVectors of(Path directory) throws IOException;
    }

    /**
     * Examines a model directory.
     *
     * @param comparison of its weights with its config.json
     * @param ending of its answers
     * @param vectors of one of sentence embeddings
     * @throws CheckpointException if config.json cannot be read
     */
    public static Diagnosis examine(Path directory, Comparison comparison, Ending ending, Vectors vectors)
            throws IOException {
        return new ModelDoctor(directory, Json.read(directory.resolve("config.json")), comparison, ending, vectors)
                .examine();
    }

    private Diagnosis examine() throws IOException {
        if (config.node("architectures") == null) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.VLLM,
                    "architectures is missing in config.json",
                    "name the class, such as LlamaForCausalLM");
        }
        ownCode();
        MissingClass.ofVllm(config, notes);
        pooling();
        SentenceModules.tell(directory, config, notes);
        weights();
        tokenizer();
        // what is damaged is so for llama.cpp as well, and cannot be exported
        if (!notes.refusedBy(Consumer.LLAMA_CPP)) {
            gguf();
        }
        return notes.diagnosis("model");
    }

    private void pooling() throws CheckpointException {
        boolean tokens = text("architectures").contains("ForTokenClassification");
        if (tokens || text("architectures").contains("ForSequenceClassification")) {
            MissingClass.check(config, tokens, notes);
        }
        if (!text("architectures").contains("ForSequenceClassification")) {
            return;
        }
        if (ENCODERS.contains(text("model_type"))) {
            OwnPooling.check(config, notes);
        }
        MissingPadding.check(config, "set it to the id that texts are padded with, which must not end them", notes);
    }

    /** A value of config.json as it is written; empty where there is none. */
    private String text(String key) {
        JsonNode value = config.node(key);
        return value == null ? "" : value.isTextual() ? value.textValue() : value.toString();
    }

    private void weights() throws IOException {
        if (!ModelDirectory.exists(directory)
                && PICKLES.stream().anyMatch(name -> Files.exists(directory.resolve(name)))) {
            String what = "the weights are a pickle, into which nothing here looks";
            String remedy = "load it with Transformers, and save_pretrained, which writes safetensors";
            notes.add(Severity.UNKNOWN, Consumer.PEFT, what, remedy);
            notes.add(Severity.UNKNOWN, Consumer.VLLM, what, remedy);
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, what + ", and loft export reads none", remedy);
            return;
        }
        boolean comparable = true;
        try (ModelDirectory source = ModelDirectory.open(directory)) {
            comparable = source.foreign().isEmpty();
            if (!comparable) {
                unknown(ForeignTensors.text(source.foreign()));
            }
            String output = text("model_type").equals("gpt_neox") ? "embed_out.weight" : "lm_head.weight";
            String head = named(source, output);
            boolean tied = TiedFamilies.tied(config);
            if (comparable && tied && head != null) {
                tiedHead(source, head);
            }
            boolean causal = text("architectures").matches(".*For(CausalLM|ConditionalGeneration).*");
            boolean said = TextConfig.ofLanguageModel(config).keys().contains(TiedHead.key(config));
            if (causal && head == null && !tied && said) {
                notes.all(
                        Severity.REFUSED,
                        "there is no " + output + ", and " + TiedHead.key(config) + " is false",
                        "set it to true if the model was trained so");
            }
            mixture(source.names());
            if (Files.exists(directory.resolve(ModelDirectory.SINGLE))
                    && Files.exists(directory.resolve(ModelDirectory.INDEX))) {
                notes.all(
                        Severity.NOTE,
                        ModelDirectory.SINGLE + " lies beside " + ModelDirectory.INDEX
                                + ": it is not clear which is meant",
                        "remove the one that is old");
            }
        } catch (CheckpointException e) {
            notes.all(
                    Severity.REFUSED,
                    String.valueOf(e.getMessage()),
                    ModelDirectory.exists(directory) ? "copy the file anew" : "");
        }
        if (comparable && !notes.refusedBy(Consumer.LLAMA_CPP)) {
            shapes();
        }
    }

    private void unknown(String fault) {
        String what = fault + ": whether it loads, and whether its weights are those of config.json, is not known here";
        notes.add(Severity.UNKNOWN, Consumer.PEFT, what, "look it up among the models of Transformers");
        notes.add(Severity.UNKNOWN, Consumer.VLLM, what, "look it up among vLLM's supported models");
    }

    /** A head beside tensors that are named as in a file of the base model alone, as loft4j once merged them. */
    private void mixture(Set<String> names) {
        String what = BareNames.besideHead(names, text("model_type"));
        if (what != null) {
            String remedy = "merge it anew with loft merge, which writes the names in full";
            notes.add(
                    Severity.CHANGE,
                    Consumer.PEFT,
                    what + "Transformers 4 calls such a file corrupted and refuses it",
                    remedy);
            if (ENCODERS.contains(text("model_type"))) {
                notes.add(Severity.CHANGE, Consumer.VLLM, what + "vLLM has no place for such names", remedy);
            }
        }
    }

    /** Where two tensors are to be one; llama.cpp's part is told by the export. */
    private void tiedHead(TensorSource source, String head) throws CheckpointException {
        String embedding = named(source, "embed_tokens.weight", "embed_in.weight", "wte.weight");
        if (embedding == null) {
            String what = head
                    + " stands for the input embedding as well: versions of Transformers 4 leave that one empty, and vLLM"
                    + " finds none";
            String remedy = "load it with Transformers 5 and save it with save_pretrained";
            notes.add(Severity.CHANGE, Consumer.PEFT, what, remedy);
            notes.add(Severity.CHANGE, Consumer.VLLM, what, remedy);
            return;
        }
        if (TiedHead.isCopy(source, head, embedding)) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    head + " is a copy of " + embedding + ", to which it is tied: nothing needs it",
                    "");
            return;
        }
        String what = head + " is not " + embedding + ", although the two are tied: " + TiedHead.FATE;
        String remedy = TiedHead.remedy(TiedHead.key(config));
        notes.add(Severity.CHANGE, Consumer.PEFT, what, remedy);
        notes.add(Severity.CHANGE, Consumer.VLLM, what, remedy);
    }

    private static @Nullable String named(TensorSource source, String... ends) {
        return source.names().stream()
                .filter(name -> Arrays.stream(ends).anyMatch(name::endsWith))
                .findFirst()
                .orElse(null);
    }

    private void shapes() throws IOException {
        try {
            comparison.check(directory);
        } catch (ConfigException e) {
            unknown(String.valueOf(e.getMessage()));
        } catch (CheckpointException e) {
            notes.all(
                    Severity.REFUSED,
                    String.valueOf(e.getMessage()),
                    "take config.json and the weights from one and the same model");
        }
    }

    private void tokenizer() throws IOException {
        if (OF_IMAGES.contains(text("model_type"))) {
            if (!Files.isRegularFile(directory.resolve("preprocessor_config.json"))) {
                notes.all(
                        Severity.CHANGE,
                        "there is no preprocessor_config.json, which says how images are prepared",
                        "copy the base model's here");
            }
            return;
        }
        if (!Files.isRegularFile(directory.resolve("tokenizer.json"))) {
            boolean other =
                    Files.exists(directory.resolve("tokenizer.model")) || Files.exists(directory.resolve("vocab.txt"));
            notes.all(
                    other ? Severity.NOTE : Severity.CHANGE,
                    "there is no tokenizer.json",
                    "copy the base model's tokenizer here");
            return;
        }
        if (text("architectures").contains("Classification")
                || ENCODERS.contains(text("model_type"))
                || SentenceModules.exist(directory)) {
            // it writes nothing that would have an end
            return;
        }
        TokenizerFiles files = TokenizerFiles.read(directory);
        String end = files.special("eos_token");
        String padding = files.special("pad_token");
        if (end == null) {
            notes.all(
                    Severity.NOTE,
                    "no eos_token is named: generation ends at the length alone",
                    "name it in tokenizer_config.json");
        } else if (end.equals(padding)) {
            notes.all(
                    Severity.NOTE,
                    "pad_token is eos_token (" + end + "): code that masks padding by its id trains no end, and"
                            + " answers never stop",
                    "name another token for padding");
        }
        if (files.chatTemplates().isEmpty() && !config.booleanOr("is_encoder_decoder", false)) {
            notes.add(
                    Severity.NOTE,
                    Consumer.VLLM,
                    "there is no chat template: the chat endpoint refuses requests",
                    "start vLLM with --chat-template FILE");
            notes.add(
                    Severity.NOTE, Consumer.LLAMA_CPP, "there is no chat template: llama.cpp falls back on ChatML", "");
        } else {
            endOfTurn(end);
        }
    }

    /** @param end the tokenizer's, which vLLM stops at as well */
    private void endOfTurn(@Nullable String end) throws IOException {
        String unnamed;
        try {
            unnamed = ending.unnamed(directory);
        } catch (CheckpointException | ConfigException e) {
            notes.all(Severity.NOTE, String.valueOf(e.getMessage()), "");
            return;
        }
        if (unnamed == null) {
            return;
        }
        String what = "the chat template ends an answer with " + Shown.text(unnamed)
                + ", which no eos_token_id names: where the model has learnt it, it writes on behind it";
        String remedy = "put its id into eos_token_id of generation_config.json, beside what is there";
        notes.add(Severity.NOTE, Consumer.PEFT, what, remedy);
        if (!unnamed.equals(end)) {
            notes.add(Severity.NOTE, Consumer.VLLM, what, remedy);
        }
    }

    /** Code of the model's own that is not there; what Transformers asks for only if it is told to trust it. */
    private void ownCode() {
        JsonNode map = config.node("auto_map");
        for (JsonNode each : map == null ? List.<JsonNode>of() : map) {
            String module = each.asText("").replaceFirst("\\.[^.]*$", "");
            // what is no plain name lies with another model on the hub
            if (module.matches("\\w+") && !Files.exists(directory.resolve(module + ".py"))) {
                String what =
                        "auto_map names " + module + ".py, which is not there: with trust_remote_code loading fails";
                String remedy = "remove auto_map where the model_type is one of Transformers' own";
                notes.add(Severity.NOTE, Consumer.PEFT, what, remedy);
                notes.add(Severity.NOTE, Consumer.VLLM, what, remedy);
                return;
            }
        }
    }

    private void gguf() throws IOException {
        String fault = GgufModel.fault(directory, vectors);
        if (fault != null) {
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, fault, "");
        } else {
            notes.add(
                    Severity.CHANGE,
                    Consumer.LLAMA_CPP,
                    "llama.cpp reads GGUF",
                    "loft export --to gguf --model " + directory + " --output FILE");
        }
    }

    /** Of the base of an adapter, which is converted for a GGUF file of it: whether the export writes one. */
    static void asBaseInGguf(Path base, Notes notes) throws IOException {
        // how vectors are made is known to who exports it
        String fault = GgufModel.fault(base, directory -> PooledVectors.ANY);
        if (fault != null) {
            notes.add(
                    Severity.CHANGE,
                    Consumer.LLAMA_CPP,
                    "the base model is not exported to GGUF as it stands: " + fault,
                    "mend it, or take a GGUF file of the same model from elsewhere");
        }
    }
}
