package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.StackedLinears;

/**
 * The factors of matrices that lie in one parameter, as PEFT has them for all n together ({@code ParamWrapper} in its {@code
 * tuners/lora/layer.py}): {@code A: (n·r, in)}, those of one matrix after those of the other, and {@code B: (out, r·n)}, in which the
 * columns of one rank lie side by side. In and out are those of the matrix, however the parameter is stored, unless PEFT takes one for
 * the other ({@link StackedLinears#exchanged}): then its A is our Bᵀ, and its B our Aᵀ.
 *
 * @param byModule the parameters by the modules that their factors have in the file
 */
record StackedFactors(Map<String, StackedLinears> byModule) {
    static StackedFactors of(Model model, List<StackedLinears> parameters) {
        Map<String, StackedLinears> byName = new LinkedHashMap<>();
        parameters.forEach(stack -> byName.put(stack.parameter(), stack));
        Map<String, StackedLinears> byModule = new LinkedHashMap<>();
        TargetParameters.modules(model, byName.keySet()).forEach((parameter, module) -> {
            byModule.put(module, Objects.requireNonNull(byName.get(parameter)));
        });
        return new StackedFactors(byModule);
    }

    Set<String> modules() {
        return byModule.keySet();
    }

    /** Factors by the paths of layers, of which those in one parameter are put together, by its module; these belong to the open scope. */
    static Map<String, Factors> together(Map<String, Factors> factors, Model model) {
        Map<String, Factors> together = new LinkedHashMap<>();
        Map<String, List<Factors>> byParameter = new LinkedHashMap<>();
        factors.forEach((path, pair) -> {
            if (StackedLinears.isOne(path)) {
                byParameter
                        .computeIfAbsent(StackedLinears.parameterOf(path), each -> new ArrayList<>())
                        .add(pair);
            } else {
                together.put(path, pair);
            }
        });
        Map<String, String> modules = TargetParameters.modules(model, new LinkedHashSet<>(byParameter.keySet()));
        Set<String> exchanged = model.mixtures().stream()
                .flatMap(mixture -> mixture.among().matrices().stream())
                .filter(StackedLinears::exchanged)
                .map(StackedLinears::parameter)
                .collect(Collectors.toSet());
        modules.forEach((parameter, module) -> {
            List<Factors> pairs = Objects.requireNonNull(byParameter.get(parameter));
            together.put(
                    module,
                    together(
                            exchanged.contains(parameter)
                                    ? pairs.stream()
                                            .map(StackedFactors::exchanged)
                                            .toList()
                                    : pairs));
        });
        return together;
    }

    private static Factors exchanged(Factors pair) {
        return new Factors(pair.loraB().t(), pair.loraA().t(), null);
    }

    private static Factors together(List<Factors> all) {
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor a = torch.cat(vector(all.stream().map(Factors::loraA).toList()), 0);
            Tensor b = torch.stack(vector(all.stream().map(Factors::loraB).toList()), -1);
            return new Factors(a, b.flatten(1, 2), null);
        }
    }

    /** On the host, where they are written from: a device may have no room for all of them once more. */
    private static TensorVector vector(Collection<Tensor> tensors) {
        return new TensorVector(tensors.stream().map(Tensor::cpu).toArray(Tensor[]::new));
    }

    /**
     * Reads the factors of each matrix; they belong to the open scope.
     *
     * @param hint what may be the reason where shapes differ
     */
    Map<Linear, Factors> read(TensorSource file, String hint, LoraConfig lora) throws CheckpointException {
        Map<Linear, Factors> factors = new LinkedHashMap<>();
        for (Map.Entry<String, StackedLinears> each : byModule.entrySet()) {
            List<Linear> layers = each.getValue().all();
            Linear first = layers.get(0);
            long rank = lora.rankOf(first.path());
            long ranks = rank * layers.size();
            boolean exchanged = each.getValue().exchanged();
            long in = exchanged ? first.outFeatures() : first.inFeatures();
            long out = exchanged ? first.inFeatures() : first.outFeatures();
            String nameA = PeftFiles.nameA(each.getKey());
            String nameB = PeftFiles.nameB(each.getKey());
            String why = hint;
            if (in != out && Arrays.equals(file.info(nameA).shape(), new long[] {ranks, out})) {
                why =
                        ": PEFT before 0.19 took in and out of such experts for one another, and later versions refuse its"
                                + " adapters; merge it with the version that wrote it";
            }
            Tensor a = PeftFiles.read(file, why, nameA, ranks, in);
            Tensor b = PeftFiles.read(file, why, nameB, out, ranks).unflatten(1, rank, layers.size());
            for (int i = 0; i < layers.size(); i++) {
                Factors pair = new Factors(a.narrow(0, i * rank, rank), b.select(-1, i), null);
                factors.put(layers.get(i), exchanged ? exchanged(pair) : pair);
            }
        }
        return factors;
    }
}
