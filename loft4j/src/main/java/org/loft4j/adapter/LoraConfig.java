package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.InnerNames;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.StackedLinears;

/**
 * What low-rank adapters are put where (Hu et al. 2021, arXiv:2106.09685, section 4.1): {@code W = W0 + scale·B·A} with
 * {@code scale = alpha / rank}, or {@code alpha / √rank} for rsLoRA (Kalajdzievski 2023, arXiv:2312.03732). DoRA (Liu et al.
 * 2024, arXiv:2402.09353) gives each row of that sum a length that is trained as well.
 *
 * @param rank r of every layer that {@code rankPattern} does not name
 * @param alpha of every layer that {@code alphaPattern} does not name
 * @param dropout probability that an element of the adapter's input is dropped in training
 * @param targetModules the layers that get an adapter
 * @param excludeModules layers that get none although they are targets: names or a regular expression; null for none
 * @param useRslora divides alpha by √rank in place of rank
 * @param useDora trains the length of each row of the weight beside its direction
 * @param modulesToSave modules that are trained in full and saved with the adapter, such as {@code classifier}
 * @param rankPattern ranks of layers whose path ends in a match of the key (a regular expression); the first that fits
 * @param alphaPattern alphas, likewise
 * @param targetParameters parameters that hold the matrices of a layer's experts, by the ends of their names, such as {@code
 *     mlp.experts.down_proj}: each of these matrices gets factors of its own, beside the modules. Without dropout and DoRA, which
 *     PEFT refuses for them
 */
public record LoraConfig(
        int rank,
        double alpha,
        double dropout,
        TargetModules targetModules,
        @Nullable TargetModules excludeModules,
        boolean useRslora,
        boolean useDora,
        List<String> modulesToSave,
        Map<String, Integer> rankPattern,
        Map<String, Double> alphaPattern,
        List<String> targetParameters) {
    private static final double RSLORA_ALPHA = 8;

    public LoraConfig {
        Checks.atLeast("rank", rank, 1);
        Checks.positive("lora.alpha", alpha);
        Checks.fraction("lora.dropout", dropout);
        modulesToSave = List.copyOf(modulesToSave);
        rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        targetParameters = List.copyOf(targetParameters);
        if (excludeModules instanceof TargetModules.AllLinear) {
            throw new ConfigException("exclude_modules must be names or a regular expression, got all-linear");
        }
        if (modulesToSave.stream().anyMatch(String::isBlank)) {
            throw new ConfigException("modules_to_save must not name an empty module, got " + modulesToSave);
        }
        TargetParameters.check(targetParameters, dropout, useDora);
        rankPattern.forEach((key, value) -> {
            endsWith("rank_pattern", key);
            Checks.atLeast("rank_pattern." + key, value, 1);
        });
        alphaPattern.forEach((key, value) -> {
            endsWith("alpha_pattern", key);
            Checks.positive("alpha_pattern." + key, value);
        });
    }

    /** Of modules alone. */
    public LoraConfig(
            int rank,
            double alpha,
            double dropout,
            TargetModules targetModules,
            @Nullable TargetModules excludeModules,
            boolean useRslora,
            boolean useDora,
            List<String> modulesToSave,
            Map<String, Integer> rankPattern,
            Map<String, Double> alphaPattern) {
        this(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules,
                useRslora,
                useDora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                List.of());
    }

    /** The same rank and alpha everywhere, no DoRA; {@code excludeModules} is a regular expression or null. */
    public LoraConfig(
            int rank,
            double alpha,
            double dropout,
            TargetModules targetModules,
            @Nullable String excludeModules,
            boolean useRslora,
            List<String> modulesToSave) {
        this(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules == null ? null : TargetModules.regex(excludeModules),
                useRslora,
                false,
                modulesToSave,
                Map.of(),
                Map.of());
    }

    /** No dropout, no exclusions, nothing saved along. */
    public static LoraConfig of(int rank, double alpha, TargetModules targetModules) {
        return new LoraConfig(rank, alpha, 0, targetModules, (String) null, false, List.of());
    }

    /**
     * The alpha where nobody names one: twice the rank. For rsLoRA, whose scale is to fall with the root of the rank, a constant,
     * which is PEFT's default and comes to LoRA's scale of 2 at rank 16.
     */
    public static double defaultAlpha(int rank, boolean useRslora) {
        return useRslora ? RSLORA_ALPHA : 2.0 * rank;
    }

    /** The rank of the layer at this path, which patterns see as PEFT does: that of an expert's matrix is its parameter's name. */
    public int rankOf(String path) {
        return valueOf("rank_pattern", rankPattern, StackedLinears.parameterOf(path), rank);
    }

    /** The alpha of the layer at this path, likewise. */
    public double alphaOf(String path) {
        return valueOf("alpha_pattern", alphaPattern, StackedLinears.parameterOf(path), alpha);
    }

    /** What multiplies {@code B·A} of the layer at this path. */
    public double scaleOf(String path) {
        return alphaOf(path) / (useRslora ? Math.sqrt(rankOf(path)) : rankOf(path));
    }

    /** Whether the module at this path, or one that it lies in, is saved in full. */
    public boolean saves(String path) {
        return modulesToSave.stream().anyMatch(name -> ("." + path + ".").contains("." + name + "."));
    }

    /**
     * The layers of a model that get an adapter, by path, in the model's order.
     *
     * @throws org.loft4j.ConfigException if there is none, or a name that fits nothing
     */
    public Map<String, Linear> layers(Model model) {
        return ModuleSelection.select(model, this);
    }

    /**
     * Refuses what {@link LoraAdapter#create} would.
     *
     * @throws org.loft4j.ConfigException if a target or a module to save does not exist; the message lists those that do
     */
    public void requireFits(Model model) {
        LoraConfig complete = withHead(model);
        ModuleSelection.select(model, complete);
        ModuleSelection.requireSaved(model, complete);
    }

    /** The same configuration with the head of a classifier among the modules saved in full. */
    LoraConfig withHead(Model model) {
        LoraConfig complete = this;
        if (model.task().isClassification()) {
            for (String module : model.headModules()) {
                complete = complete.alsoSaving(module);
            }
        }
        return complete;
    }

    /** The same configuration with another dropout. */
    public LoraConfig withDropout(double other) {
        return new LoraConfig(
                rank,
                alpha,
                other,
                targetModules,
                excludeModules,
                useRslora,
                useDora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                targetParameters);
    }

    /** The same configuration with other layers that get an adapter. */
    public LoraConfig withTargets(TargetModules targets, @Nullable TargetModules exclude) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                targets,
                exclude,
                useRslora,
                useDora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                targetParameters);
    }

    /** The same configuration with other parameters that hold the matrices of experts. */
    public LoraConfig withTargetParameters(List<String> parameters) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules,
                useRslora,
                useDora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                parameters);
    }

    /** The same configuration without names that fit nothing in a model; if none fits anything, as it is. */
    LoraConfig knownTo(Model model) {
        Set<String> paths = model.linears().keySet();
        List<String> parameters = TargetParameters.known(model, this);
        boolean ofModules = targetModules.matchesAny(paths);
        if (!ofModules && parameters.isEmpty()) {
            return this;
        }
        TargetModules known = ofModules ? targetModules : TargetModules.none();
        if (known instanceof TargetModules.Names list) {
            List<String> names = list.names().stream()
                    .filter(name -> TargetModules.names(name).matchesAny(paths))
                    .toList();
            known = new TargetModules.Names(names, list.layers(), list.layersPattern());
        }
        return withTargets(known, excludeModules).withTargetParameters(parameters);
    }

    /** The same configuration with this list of modules that are saved in full. */
    public LoraConfig withModulesToSave(List<String> modules) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules,
                useRslora,
                useDora,
                modules,
                rankPattern,
                alphaPattern,
                targetParameters);
    }

    /** The same configuration with DoRA or without it. */
    public LoraConfig withDora(boolean dora) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules,
                useRslora,
                dora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                targetParameters);
    }

    /** The same configuration with the scale {@code alpha / √rank} or {@code alpha / rank}. */
    public LoraConfig withRslora(boolean rslora) {
        return new LoraConfig(
                rank,
                alpha,
                dropout,
                targetModules,
                excludeModules,
                rslora,
                useDora,
                modulesToSave,
                rankPattern,
                alphaPattern,
                targetParameters);
    }

    /** This list with the module added, unless it is saved already. */
    LoraConfig alsoSaving(String path) {
        if (saves(path)) {
            return this;
        }
        List<String> modules = new ArrayList<>(modulesToSave);
        modules.add(path);
        return withModulesToSave(modules);
    }

    private static <T> T valueOf(String field, Map<String, T> patterns, String path, T otherwise) {
        if (patterns.isEmpty()) {
            return otherwise;
        }
        ModulePattern.Budget budget = new ModulePattern.Budget();
        // the keys are of the names under which the adapter was trained, and a pattern cannot be renamed as a path can
        for (String spelling : InnerNames.spellings(path)) {
            for (Map.Entry<String, T> entry : patterns.entrySet()) {
                if (endsWith(field, entry.getKey()).fits(spelling, budget)) {
                    return entry.getValue();
                }
            }
        }
        return otherwise;
    }

    /** PEFT's rule for the keys of its pattern maps. */
    private static ModulePattern endsWith(String field, String key) {
        return ModulePattern.of(field, "(.*\\.)?(", key, ")");
    }
}
