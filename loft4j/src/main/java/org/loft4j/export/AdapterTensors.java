package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.TensorInfo;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/** What {@link AdapterDoctor} finds in the tensors of an adapter: their names, shapes and values, and whether they are the base's. */
final class AdapterTensors {
    private static final String WEIGHTS = "adapter_model.safetensors";

    private static final Pattern FACTOR =
            Pattern.compile("base_model\\.model\\.(.+)\\.lora_(?:(A|B)\\.weight|embedding_(A|B))");

    /** Frozen matrices that vLLM leaves aside; every other tensor that is no factor it refuses. */
    private static final List<String> PASSED_OVER =
            List.of(".embed_tokens.base_layer.weight", ".lm_head.base_layer.weight");

    private final Path directory;
    private final @Nullable Path base;
    private final boolean savesModules;
    private final Notes notes;

    /**
     * @param base directory of the base model; null where it is not at hand, or its weights are quantised and have other shapes
     * @param savesModules whether the configuration names modules that are saved in full
     * @param notes gets what is found
     */
    AdapterTensors(Path directory, @Nullable Path base, boolean savesModules, Notes notes) {
        this.directory = directory;
        this.base = base;
        this.savesModules = savesModules;
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
            factors(source);
            if (base != null && ModelDirectory.exists(base)) {
                againstBase(source);
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

    private Map<String, Map<String, TensorInfo>> pairs(SafetensorsFile source) throws CheckpointException {
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

    private void factors(SafetensorsFile source) throws CheckpointException {
        Map<String, Map<String, TensorInfo>> pairs = pairs(source);
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
            } else if (a.shape().length == 2 && b.shape().length == 2 && a.shape()[0] != b.shape()[1]) {
                notes.all(
                        Severity.REFUSED,
                        "the factors of " + path + " do not fit: " + Shapes.text(a.shape()) + " and "
                                + Shapes.text(b.shape()),
                        "");
            }
        });
        List<String> others = source.names().stream()
                .filter(name -> !FACTOR.matcher(name).matches()
                        && !name.contains("lora_magnitude_vector")
                        && !PeftFiles.isBaseLayer(name, source.names()))
                .toList();
        if (!others.isEmpty() && !savesModules) {
            boolean embeddings =
                    others.stream().anyMatch(name -> name.contains("embed_tokens") || name.contains("lm_head"));
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

    private void againstBase(SafetensorsFile source) throws CheckpointException {
        List<String> unknown = new ArrayList<>();
        try (ModelDirectory model = ModelDirectory.open(java.util.Objects.requireNonNull(base))) {
            for (Map.Entry<String, Map<String, TensorInfo>> entry :
                    pairs(source).entrySet()) {
                String weight = entry.getKey() + ".weight";
                String found = model.names().contains(weight)
                        ? weight
                        : model.names().stream()
                                .filter(name -> weight.endsWith("." + name))
                                .findFirst()
                                .orElse(null);
                TensorInfo a = entry.getValue().get("A");
                TensorInfo b = entry.getValue().get("B");
                if (found == null && !weight.equals("lm_head.weight")) {
                    unknown.add(entry.getKey());
                } else if (found != null
                        && a != null
                        && b != null
                        && !weight.contains("embed")
                        && !model.foreign().containsKey(found)) {
                    long[] shape = model.info(found).shape();
                    long in = a.shape()[1];
                    long out = b.shape()[0];
                    boolean fits = (shape[0] == out && shape[1] == in) || (shape[0] == in && shape[1] == out);
                    if (!fits) {
                        notes.all(
                                Severity.REFUSED,
                                "the factors of " + entry.getKey() + " make " + Shapes.text(out, in) + ", the base has "
                                        + Shapes.text(shape),
                                "it belongs to another base model");
                    }
                }
            }
        }
        if (!unknown.isEmpty()) {
            notes.all(
                    Severity.REFUSED,
                    unknown.size() + " adapted modules are not in the base model, such as " + unknown.get(0),
                    "it belongs to another base model");
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
