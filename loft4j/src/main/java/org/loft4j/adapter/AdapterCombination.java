package org.loft4j.adapter;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Makes one adapter of several on one base model, from PEFT's files alone. The result has one rank everywhere and the scale 1,
 * so that every program that loads adapters computes with it alike.
 */
public final class AdapterCombination {
    private static final Pattern FACTOR = Pattern.compile("base_model\\.model\\.(.+)\\.lora_[AB]\\.weight");

    /** How adapters {@code ΔW_i = s_i·B_i·A_i} with weights {@code w_i} become one. */
    public enum How {
        /**
         * Sums of factors, {@code A = Σ ±√(w·s)·A_i} and {@code B = Σ √(w·s)·B_i}, as PEFT's combination of this name. This is
         * not the sum of the changes: their factors mix. Every rank must be the same.
         */
        LINEAR,
        /** {@code Σ w_i·ΔW_i} without loss: the factors side by side, at the sum of the ranks. */
        CAT,
        /** The best approximation of that sum at a rank in the Frobenius norm (Eckart and Young 1936). */
        SVD
    }

    /**
     * One of the adapters.
     *
     * @param directory in PEFT's layout
     * @param weight w, of any sign
     */
    public record Part(Path directory, double weight) {
        public Part {
            if (!Double.isFinite(weight)) {
                throw new ConfigException("the weight of " + directory + " must be finite, got " + weight);
            }
        }
    }

    private record Open(Part part, PeftConfig config, TensorSource file, Set<String> paths) {}

    /** The factors of one layer, float64, with {@code w·s} beside them. */
    private record Pair(Tensor a, Tensor b, double weight) {}

    private final List<Open> parts;
    private final How how;
    private final int rank;

    private AdapterCombination(List<Open> parts, How how, int rank) {
        this.parts = parts;
        this.how = how;
        this.rank = rank;
    }

    /**
     * Combines adapters and writes the result, tensors first.
     *
     * @param rank of the result of {@link How#SVD}; null for the largest of the parts; for the others it follows from the
     *     parts
     * @return the rank of the result
     * @throws ConfigException for DoRA, modules saved in full, unlike ranks for {@link How#LINEAR}, and unlike base models
     */
    public static int write(List<Part> parts, How how, @Nullable Integer rank, Path output) throws IOException {
        if (parts.isEmpty()) {
            throw new ConfigException("there must be at least one adapter to combine");
        }
        if (rank != null && how != How.SVD) {
            throw new ConfigException("rank goes with svd alone; " + how + " has the rank that follows from its parts");
        }
        List<Open> open = new ArrayList<>();
        try {
            for (Part part : parts) {
                open.add(open(part));
            }
            requireOneBase(open);
            AdapterCombination combination = new AdapterCombination(open, how, rank(open, how, rank));
            combination.write(output);
            return combination.rank;
        } finally {
            open.forEach(part -> part.file().close());
        }
    }

    private static Open open(Part part) throws IOException {
        PeftConfig config = PeftFiles.readConfig(part.directory());
        if (config.lora().useDora() || !config.lora().modulesToSave().isEmpty()) {
            throw new ConfigException(part.directory() + ": " + (config.lora().useDora() ? "DoRA" : "modules_to_save")
                    + " cannot be combined: merge that adapter into the model, and combine the others");
        }
        if (!config.lora().targetParameters().isEmpty()) {
            throw new ConfigException(
                    part.directory() + ": target_parameters cannot be combined: merge that adapter into"
                            + " the model, and combine the others");
        }
        TensorSource file = PeftFiles.open(part.directory());
        Set<String> paths = new TreeSet<>();
        for (String name : file.names()) {
            if (PeftFiles.isBaseLayer(name, file.names())) {
                continue;
            }
            Matcher factor = FACTOR.matcher(name);
            if (!factor.matches()) {
                throw new CheckpointException(file.path(), "tensor " + name + " is no factor of a linear layer");
            }
            paths.add(factor.group(1));
        }
        return new Open(part, config, file, paths);
    }

    private static void requireOneBase(List<Open> parts) {
        Set<String> bases = new TreeSet<>();
        parts.forEach(part -> bases.add(part.config().metadata().baseModel()));
        bases.remove("");
        if (bases.size() > 1) {
            throw new ConfigException("adapters to combine must be on one base model, got "
                    + String.join(" and ", bases)
                    + "; if these are one model, write the same name and revision into each " + PeftFiles.CONFIG);
        }
    }

    private static int rank(List<Open> parts, How how, @Nullable Integer asked) {
        List<Integer> ranks = parts.stream()
                .map(part -> part.paths().stream()
                        .mapToInt(path -> part.config().lora().rankOf(path))
                        .max()
                        .orElse(1))
                .toList();
        return switch (how) {
            case CAT -> ranks.stream().mapToInt(Integer::intValue).sum();
            case SVD -> (int) Checks.atLeast("rank", asked != null ? asked : Collections.max(ranks), 1);
            case LINEAR -> {
                Set<Integer> all = new TreeSet<>();
                parts.forEach(part -> part.paths()
                        .forEach(path -> all.add(part.config().lora().rankOf(path))));
                if (all.size() != 1) {
                    throw new ConfigException("linear needs one rank in all adapters, got " + all + "; use cat or svd");
                }
                yield ranks.get(0);
            }
        };
    }

    private void write(Path output) throws IOException {
        Set<String> paths = new TreeSet<>();
        parts.forEach(part -> paths.addAll(part.paths()));
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String path : paths) {
                try (NativeScope layer = new NativeScope()) {
                    Pair combined = padded(combine(pairs(path)));
                    tensors.put(
                            "base_model.model." + path + ".lora_A.weight",
                            layer.toEnclosing(
                                    combined.a().to(Dtype.F32.scalarType()).contiguous()));
                    tensors.put(
                            "base_model.model." + path + ".lora_B.weight",
                            layer.toEnclosing(
                                    combined.b().to(Dtype.F32.scalarType()).contiguous()));
                }
            }
            SafetensorsWriter.write(output.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        Json.write(output.resolve(PeftFiles.CONFIG), settings(paths));
    }

    private List<Pair> pairs(String path) throws CheckpointException {
        List<Pair> pairs = new ArrayList<>();
        for (Open part : parts) {
            if (part.paths().contains(path)) {
                String prefix = "base_model.model." + path + ".lora_";
                Tensor a = part.file().read(prefix + "A.weight").to(Dtype.F64.scalarType());
                Tensor b = part.file().read(prefix + "B.weight").to(Dtype.F64.scalarType());
                LoraConfig lora = part.config().lora();
                boolean fits = a.dim() == 2 && b.dim() == 2 && a.size(0) == lora.rankOf(path) && b.size(1) == a.size(0);
                boolean alike = pairs.isEmpty()
                        || (pairs.get(0).a().size(1) == a.size(1)
                                && pairs.get(0).b().size(0) == b.size(0));
                if (!fits || !alike) {
                    throw new CheckpointException(
                            part.file().path(),
                            "the factors of " + path + " do not have the rank " + lora.rankOf(path) + " of "
                                    + PeftFiles.CONFIG + ", or not the size of the others");
                }
                pairs.add(new Pair(a, b, part.part().weight() * lora.scaleOf(path)));
            }
        }
        return pairs;
    }

    private Pair combine(List<Pair> pairs) {
        return switch (how) {
            case LINEAR -> linear(pairs);
            case CAT -> concatenated(pairs);
            case SVD -> truncated(concatenated(pairs));
        };
    }

    private static Pair linear(List<Pair> pairs) {
        Tensor a = torch.zeros_like(pairs.get(0).a());
        Tensor b = torch.zeros_like(pairs.get(0).b());
        for (Pair pair : pairs) {
            double root = Math.sqrt(Math.abs(pair.weight()));
            a.add_(pair.a(), new Scalar(Math.copySign(root, pair.weight())));
            b.add_(pair.b(), new Scalar(root));
        }
        return new Pair(a, b, 1);
    }

    private static Pair concatenated(List<Pair> pairs) {
        TensorVector a = new TensorVector();
        TensorVector b = new TensorVector();
        for (Pair pair : pairs) {
            a.push_back(pair.a());
            b.push_back(pair.b().mul(new Scalar(pair.weight())));
        }
        return new Pair(torch.cat(a, 0), torch.cat(b, 1), 1);
    }

    /**
     * With {@code B = Qb·Rb} and {@code Aᵀ = Qa·Ra} the product is {@code Qb·(Rb·Raᵀ)·Qaᵀ}: the decomposition of the small
     * matrix in the middle is that of the whole, which is never made. The roots of the singular values go to either side.
     */
    private Pair truncated(Pair stacked) {
        T_TensorTensor_T ofB = torch.linalg_qr(stacked.b());
        T_TensorTensor_T ofA = torch.linalg_qr(stacked.a().t());
        Tensor middle = ofB.get1().mm(ofA.get1().t());
        T_TensorTensorTensor_T svd = torch.linalg_svd(middle, false, new StringViewOptional());
        long kept = Math.min(rank, svd.get1().size(0));
        Tensor roots = svd.get1().narrow(0, 0, kept).sqrt();
        Tensor b = ofB.get0().mm(svd.get0().narrow(1, 0, kept)).mul(roots);
        Tensor a = svd.get2()
                .narrow(0, 0, kept)
                .mul(roots.unsqueeze(1))
                .mm(ofA.get0().t());
        return new Pair(a, b, 1);
    }

    /** Layers that fewer adapters have are filled up with zeros, so that one rank holds for all. */
    private Pair padded(Pair pair) {
        long missing = rank - pair.a().size(0);
        if (missing == 0) {
            return pair;
        }
        Tensor a = Tensors.zeros(Dtype.F64, DeviceSpec.CPU, missing, pair.a().size(1));
        Tensor b = Tensors.zeros(Dtype.F64, DeviceSpec.CPU, pair.b().size(0), missing);
        return new Pair(torch.cat(new TensorVector(pair.a(), a), 0), torch.cat(new TensorVector(pair.b(), b), 1), 1);
    }

    /** The settings of the first part, with what has changed. */
    private Map<String, @Nullable Object> settings(Set<String> paths) throws CheckpointException {
        ObjectNode first = Json.read(parts.get(0).part().directory().resolve(PeftFiles.CONFIG))
                .toTree();
        Map<String, @Nullable Object> settings = new TreeMap<>();
        first.properties().forEach(entry -> settings.put(entry.getKey(), entry.getValue()));
        // the first may not name its base
        parts.stream()
                .map(part -> part.config().metadata())
                .filter(metadata -> !metadata.baseModel().isEmpty())
                .findFirst()
                .ifPresent(metadata -> {
                    settings.put("base_model_name_or_path", metadata.baseModelNameOrPath());
                    settings.put("revision", metadata.revision());
                });
        settings.put("r", rank);
        settings.put("lora_alpha", rank);
        settings.put("use_rslora", false);
        settings.put("rank_pattern", Map.of());
        settings.put("alpha_pattern", Map.of());
        settings.put("target_modules", targets(paths));
        settings.put("init_lora_weights", true);
        for (String key : List.of("exclude_modules", "layers_to_transform", "layers_pattern")) {
            settings.remove(key);
        }
        return settings;
    }

    /** Last words of the paths where every part adapts a layer of that name wherever it is; else the paths. */
    private List<String> targets(Set<String> paths) {
        boolean plain = true;
        Set<String> names = new TreeSet<>();
        for (Open part : parts) {
            TargetModules targets = part.config().lora().targetModules();
            plain &= targets instanceof TargetModules.Names list
                    && list.layers().isEmpty()
                    && part.config().lora().excludeModules() == null;
            if (targets instanceof TargetModules.Names list) {
                names.addAll(list.names());
            }
        }
        return plain ? List.copyOf(names) : List.copyOf(paths);
    }
}
