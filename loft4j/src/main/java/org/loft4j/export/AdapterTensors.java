package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToIntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.TensorInfo;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/** What {@link AdapterDoctor} finds in the tensors of an adapter: their names, shapes and values, and whether they are the base's. */
final class AdapterTensors {
    private static final String WEIGHTS = "adapter_model.safetensors";

    private static final Pattern FACTOR =
            Pattern.compile("base_model\\.model\\.(.+)\\.lora_(?:(A|B)\\.weight|embedding_(A|B))");

    /** What PEFT wraps for parameters of experts: their module, and a wrapper around it. */
    private static final Pattern OF_PARAMETERS = Pattern.compile(".*\\bexperts(?:\\.base_layer)*");

    /** Frozen matrices that vLLM leaves aside; every other tensor that is no factor it refuses. */
    private static final List<String> PASSED_OVER =
            List.of(".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight");

    private final Path directory;
    private final @Nullable Path base;
    private final @Nullable JsonObject baseConfig;
    private final JsonObject config;
    private final AdapterRemedies remedies;
    private final Notes notes;

    /**
     * @param base directory of the base model; null where it is not at hand, or its weights are quantised and have other shapes
     * @param baseConfig its config.json; null where it is not at hand
     * @param config the adapter's settings
     * @param remedies for what a program does not take
     * @param notes gets what is found
     */
    AdapterTensors(
            Path directory,
            @Nullable Path base,
            @Nullable JsonObject baseConfig,
            JsonObject config,
            AdapterRemedies remedies,
            Notes notes) {
        this.directory = directory;
        this.base = base;
        this.baseConfig = baseConfig;
        this.config = config;
        this.remedies = remedies;
        this.notes = notes;
    }

    void check() throws IOException {
        Path file = directory.resolve(WEIGHTS);
        if (!Files.isRegularFile(file)) {
            boolean pickle = Files.exists(directory.resolve("adapter_model.bin"));
            notes.all(
                    pickle ? Severity.NOTE : Severity.REFUSED,
                    "there is no " + WEIGHTS + (pickle ? ", only a pickle" : ""),
                    pickle ? "load it with PEFT and save_pretrained, which writes safetensors" : "");
            return;
        }
        try (SafetensorsFile source = SafetensorsFile.open(file)) {
            if (!"pt".equals(source.metadata().get("format"))) {
                notes.add(Severity.NOTE, Consumer.PEFT, "the file's metadata does not say format: pt", "");
            }
            if (!source.foreign().isEmpty()) {
                foreign(source);
                return;
            }
            Map<String, Map<String, TensorInfo>> pairs = pairs(source);
            factors(source, pairs);
            new AdaptedExperts(config, baseConfig, lora(), remedies, notes).check(pairs.keySet());
            places(source);
            if (base != null && baseConfig != null && ModelDirectory.exists(base)) {
                AdapterOnBase.check(base, baseConfig, config, lora(), source.names(), pairs, notes);
            }
            values(source);
        } catch (CheckpointException e) {
            notes.all(Severity.REFUSED, String.valueOf(e.getMessage()), "copy the file anew");
        }
    }

    private void foreign(SafetensorsFile source) {
        String foreign = ForeignTensors.text(source.foreign());
        String what = foreign + ": whether it loads is not known here";
        String remedy = "save it in float32, float16 or bfloat16";
        notes.add(Severity.UNKNOWN, Consumer.PEFT, what, remedy);
        notes.add(Severity.UNKNOWN, Consumer.VLLM, what, remedy);
        notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, foreign + ", and loft export reads none of it", remedy);
    }

    /** The factors of an adapter, A and B, by the paths of the modules that they adapt. */
    static Map<String, Map<String, TensorInfo>> pairs(TensorSource source) throws CheckpointException {
        Map<String, Map<String, TensorInfo>> pairs = new TreeMap<>();
        for (String name : source.names()) {
            Matcher factor = FACTOR.matcher(name);
            if (factor.matches()) {
                String side = factor.group(2) != null ? factor.group(2) : factor.group(3);
                pairs.computeIfAbsent(factor.group(1), path -> new LinkedHashMap<>())
                        .put(side, source.info(name));
            }
        }
        return pairs;
    }

    private void factors(SafetensorsFile source, Map<String, Map<String, TensorInfo>> pairs) {
        boolean savesModules = config.node("modules_to_save") != null
                && !config.node("modules_to_save").isEmpty();
        ToIntFunction<String> ranks = ranks();
        Map<Misshapen, List<String>> faults = new LinkedHashMap<>();
        if (pairs.isEmpty()) {
            notes.all(
                    Severity.REFUSED,
                    "no tensor is named base_model.model.….lora_A.weight",
                    "save the adapter with PEFT's names");
        }
        pairs.forEach((path, pair) -> {
            TensorInfo a = pair.get("A");
            TensorInfo b = pair.get("B");
            if (a == null || b == null) {
                String missing = a == null ? "lora_A" : "lora_B";
                notes.add(
                        Severity.CHANGE,
                        Consumer.PEFT,
                        path + " has no " + missing + ": PEFT starts it anew with a warning",
                        "");
                notes.add(Severity.REFUSED, Consumer.VLLM, path + " has no " + missing, "");
                notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, path + " has no " + missing, "");
            } else {
                Misshapen fault = misshapen(a.shape(), b.shape(), ranks.applyAsInt(path));
                if (fault != null) {
                    faults.computeIfAbsent(fault, each -> new ArrayList<>())
                            .add(path + ", " + Shapes.text(a.shape()) + " and " + Shapes.text(b.shape()) + ",");
                }
            }
        });
        faults.forEach(this::tell);
        List<String> others = source.names().stream()
                .filter(name -> !FACTOR.matcher(name).matches()
                        && !name.contains("lora_magnitude_vector")
                        && !PeftFiles.isBaseLayer(name, source.names()))
                .toList();
        if (!others.isEmpty() && !savesModules) {
            boolean embeddings =
                    others.stream().anyMatch(name -> name.matches(".*(embed_tokens|embed_in|lm_head|embed_out).*"));
            String what = others.size() + " tensors are no factors, such as " + others.get(0)
                    + (embeddings ? " (saved with the embeddings, as for new tokens)" : "");
            notes.add(Severity.NOTE, Consumer.PEFT, what, "");
            notes.add(Severity.REFUSED, Consumer.VLLM, what, AdapterRemedies.BY_PEFT);
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, what, AdapterRemedies.BY_PEFT);
        }
        source.names().stream()
                .filter(name -> PeftFiles.isBaseLayer(name, source.names())
                        && PASSED_OVER.stream().noneMatch(name::endsWith))
                .findFirst()
                .ifPresent(name -> notes.add(
                        Severity.REFUSED,
                        Consumer.VLLM,
                        name + " is a frozen matrix of the base, and vLLM passes over those of embed_tokens and lm_head"
                                + " alone",
                        "remove it from the file"));
        if (source.names().stream().anyMatch(name -> name.contains("lora_embedding_"))) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "the embedding is adapted, which loft export does not write",
                    "");
        }
    }

    /** What the export refuses; factors of an embedding, and of parameters of experts, are told by themselves. */
    private void places(SafetensorsFile source) {
        JsonNode parameters = config.node("target_parameters");
        boolean named = parameters != null && !parameters.isEmpty();
        try {
            AdapterPlaces places = AdapterPlaces.of(baseConfig);
            for (String name : source.names()) {
                Matcher factor = FACTOR.matcher(name);
                boolean linear = factor.matches() && factor.group(2) != null;
                boolean told = named
                        && linear
                        && OF_PARAMETERS.matcher(factor.group(1)).matches();
                AdapterPlaces.Fault fault = linear && !told ? places.fault(factor.group(1)) : null;
                if (fault != null) {
                    notes.add(
                            Severity.REFUSED,
                            Consumer.LLAMA_CPP,
                            fault.what(),
                            fault.merges() ? remedies.mergedGguf() : "");
                    return;
                }
            }
        } catch (CheckpointException e) {
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, String.valueOf(e.getMessage()), "");
        }
    }

    /** What is wrong with the shapes of factors, and whether PEFT has layers of which it is right. */
    private record Misshapen(String what, String remedy, boolean knownToPeft) {}

    /** @param rank that the settings ask for; 0 where it is not known here */
    private static @Nullable Misshapen misshapen(long[] a, long[] b, int rank) {
        if (LongStream.concat(Arrays.stream(a), Arrays.stream(b)).anyMatch(size -> size == 0)) {
            return new Misshapen(
                    "are empty, as of an adapter that was saved by ZeRO-3 without gathering",
                    "save it from all processes, with stage3_gather_16bit_weights_on_model_save",
                    false);
        }
        if (a.length > 2 && b.length == a.length) {
            return new Misshapen("are those of a convolution", "", true);
        }
        if (a.length != 2 || b.length != 2) {
            return new Misshapen("are no matrices", "", false);
        }
        if (a[0] != b[1]) {
            return new Misshapen("do not fit", "", false);
        }
        return rank == 0 || a[0] == rank
                ? null
                : new Misshapen(
                        "have rank " + a[0] + ", and the settings say " + rank,
                        "set r, or its rank_pattern, to the rank of the training",
                        false);
    }

    private void tell(Misshapen fault, List<String> layers) {
        String more = layers.size() == 1 ? "" : ", and those of " + (layers.size() - 1) + " more layers";
        String what = "the factors of " + layers.get(0) + " " + fault.what() + more;
        if (fault.knownToPeft()) {
            notes.add(Severity.UNKNOWN, Consumer.PEFT, what + ": whether it loads is not known here", fault.remedy());
            notes.add(Severity.REFUSED, Consumer.VLLM, what, fault.remedy());
            notes.add(Severity.REFUSED, Consumer.LLAMA_CPP, what, fault.remedy());
        } else {
            notes.all(Severity.REFUSED, what, fault.remedy());
        }
    }

    /** The rank of each path by the settings; 0 where that is not known here, as for parameters of many experts. */
    private ToIntFunction<String> ranks() {
        JsonNode type = config.node("peft_type");
        JsonNode parameters = config.node("target_parameters");
        if (type == null || !type.asText().equals("LORA")) {
            return path -> 0;
        }
        ToIntFunction<String> ranks = ranksOfModules();
        return parameters == null || parameters.isEmpty()
                ? ranks
                : path -> OF_PARAMETERS.matcher(path).matches() ? 0 : ranks.applyAsInt(path);
    }

    private ToIntFunction<String> ranksOfModules() {
        LoraConfig lora = lora();
        if (lora == null) {
            // what is not read here says its rank in the same words
            JsonNode pattern = config.node("rank_pattern");
            JsonNode rank = config.node("r");
            return path -> rank == null || (pattern != null && !pattern.isEmpty()) ? 0 : rank.asInt();
        }
        return path -> {
            try {
                return lora.rankOf(path);
            } catch (ConfigException e) {
                return 0;
            }
        };
    }

    /** The settings; null where they are not read here. */
    private @Nullable LoraConfig lora() {
        try {
            return PeftFiles.readConfig(directory).lora();
        } catch (CheckpointException e) {
            return null;
        }
    }

    private void values(SafetensorsFile source) throws CheckpointException {
        List<String> broken = new ArrayList<>();
        int zero = 0;
        int factorsB = 0;
        for (String name : source.names()) {
            if (!source.info(name).dtype().isFloating()) {
                notes.all(
                        Severity.REFUSED,
                        "tensor " + name + " is " + source.info(name).dtype(),
                        "save it in a floating type");
                continue;
            }
            try (NativeScope scope = new NativeScope()) {
                Tensor tensor = source.read(name);
                if (!tensor.isfinite().all().item_bool()) {
                    broken.add(name);
                }
                if (name.contains(".lora_B.") || name.contains(".lora_embedding_B")) {
                    factorsB++;
                    zero += tensor.count_nonzero().item_long() == 0 ? 1 : 0;
                }
            }
        }
        if (!broken.isEmpty()) {
            notes.all(
                    Severity.CHANGE,
                    broken.size() + " tensors hold NaN or infinity, such as " + broken.get(0),
                    "take an earlier checkpoint: the answers will be garbage");
        }
        if (zero > 0) {
            notes.all(
                    Severity.NOTE,
                    zero == factorsB
                            ? "every lora_B is zero: the adapter is untrained and changes nothing"
                            : zero + " of " + factorsB + " lora_B are zero: these layers were not trained",
                    "");
        }
    }
}
