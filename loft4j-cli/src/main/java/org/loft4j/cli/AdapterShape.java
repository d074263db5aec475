package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.Model;
import org.loft4j.train.Method;
import org.loft4j.train.StartingAdapter;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * The switches that shape an adapter, in a call that goes on from one. That one has its shape already, so they are left out, or
 * say the same; dropout alone, which is of training, may be another.
 */
record AdapterShape(CommandSpec verb, MethodFlags method, AdapterFlags place) {
    private static final String TARGETS = "--target-modules";
    private static final String PARAMETERS = "--target-parameters";
    private static final String EXCLUDED = "--exclude-modules";
    private static final String IN_FULL = "--modules-to-save";
    private static final List<String> SWITCHES =
            List.of("--rank", "--alpha", "--rslora", "--dropout", TARGETS, PARAMETERS, EXCLUDED, IN_FULL);

    /** The keys of those that neither the call nor its file gives, and which the adapter says. */
    Set<String> left() {
        return SWITCHES.stream()
                .filter(name -> !isGiven(name))
                .map(name -> key(verb.findOption(name)))
                .collect(Collectors.toSet());
    }

    private static String key(OptionSpec option) {
        return Objects.requireNonNull(ConfigKeys.key(option));
    }

    private boolean isGiven(String name) {
        OptionSpec option = verb.findOption(name);
        IDefaultValueProvider file = verb.root().commandLine().getDefaultValueProvider();
        return verb.commandLine().getParseResult().hasMatchedOption(option)
                || (file instanceof ConfigFile config && config.has(key(option)));
    }

    /**
     * The adapter as the call goes on from it.
     *
     * @throws ConfigException that names each switch which says something else than the adapter, or if the method cannot train it
     */
    StartingAdapter settled(StartingAdapter start) {
        start.requireTrainableBy(method.method);
        LoraConfig lora = start.lora();
        List<String> faults = new ArrayList<>();
        if (isGiven("--rank") && method.rank != lora.rank()) {
            faults.add("--rank " + method.rank + " is given, and the adapter has r " + lora.rank());
        }
        if (method.alpha != null && method.alpha != lora.alpha()) {
            faults.add("--alpha " + method.alpha + " is given, and the adapter has lora_alpha " + lora.alpha());
        }
        boolean byRoot = method.rslora || method.method == Method.RSLORA;
        if (isGiven("--rslora") && byRoot != lora.useRslora()) {
            faults.add("use_rslora (--rslora) is " + byRoot + ", and the adapter has " + lora.useRslora());
        }
        refuse(faults, start);
        return isGiven("--dropout") ? start.withDropout(place.dropout) : start;
    }

    /**
     * Holds the switches that name modules against those that the adapter has.
     *
     * @param lora what the adapter is on the model
     * @param model or its outline
     * @throws ConfigException that names each switch which names others
     */
    void requireSameModules(StartingAdapter start, LoraConfig lora, Model model) {
        TargetModules targets = isGiven(TARGETS) ? TargetModules.parse(place.targetModules) : lora.targetModules();
        TargetModules excluded = isGiven(EXCLUDED) ? place.excluded() : lora.excludeModules();
        List<String> faults = new ArrayList<>();
        List<String> parameters = isGiven(PARAMETERS) ? place.parameters() : lora.targetParameters();
        Set<String> asked = lora.withTargets(targets, excluded)
                .withTargetParameters(parameters)
                .layers(model)
                .keySet();
        Set<String> adapted = lora.layers(model).keySet();
        if (!asked.equals(adapted)) {
            boolean others = !lora.withTargetParameters(parameters)
                    .layers(model)
                    .keySet()
                    .equals(adapted);
            String given = others ? PARAMETERS : isGiven(TARGETS) ? TARGETS : EXCLUDED;
            faults.add(given + " means " + Quantities.of(asked.size(), "layer")
                    + ", and the adapter is on other ones, " + adapted.size() + ": target_modules "
                    + words(lora.targetModules())
                    + (lora.excludeModules() == null ? "" : ", exclude_modules " + words(lora.excludeModules()))
                    + (lora.targetParameters().isEmpty() ? "" : ", target_parameters " + lora.targetParameters()));
        }
        for (String name : place.inFull()) {
            LoraConfig alone = lora.withModulesToSave(List.of(name));
            List<String> meant = model.weights().asMap().keySet().stream()
                    .filter(alone::saves)
                    .toList();
            if (meant.isEmpty() || !meant.stream().allMatch(parameter -> isBrought(parameter, lora, model))) {
                faults.add(IN_FULL + " " + name + " is given, and the adapter brings "
                        + (lora.modulesToSave().isEmpty() ? "no module" : String.join(", ", lora.modulesToSave()))
                        + " in full");
            }
        }
        refuse(faults, start);
    }

    /** PEFT saves the head of a classifier whether or not it lists it. */
    private static boolean isBrought(String parameter, LoraConfig lora, Model model) {
        return lora.saves(parameter)
                || (model.task().isClassification()
                        && model.headModules().stream().anyMatch(module -> parameter.startsWith(module + ".")));
    }

    private static void refuse(List<String> faults, StartingAdapter start) {
        if (!faults.isEmpty()) {
            faults.add(
                    "a run that goes on from an adapter has its shape: leave these out, or train a new adapter, without"
                            + " --adapter " + start.directory());
            throw new ConfigException(String.join("\n", faults));
        }
    }

    /** What an adapter says of itself, by key. */
    static Map<String, Object> of(LoraConfig lora) {
        Map<String, Object> shape = new LinkedHashMap<>();
        shape.put("r", lora.rank());
        shape.put("lora_alpha", lora.alpha());
        shape.put("use_rslora", lora.useRslora());
        shape.put("lora_dropout", lora.dropout());
        shape.put("target_modules", words(lora.targetModules()));
        if (!lora.targetParameters().isEmpty()) {
            shape.put("target_parameters", lora.targetParameters());
        }
        if (lora.excludeModules() != null) {
            shape.put("exclude_modules", words(lora.excludeModules()));
        }
        shape.put("modules_to_save", lora.modulesToSave());
        return shape;
    }

    private static Object words(@Nullable TargetModules modules) {
        if (modules instanceof TargetModules.Names names) {
            return names.names();
        }
        if (modules instanceof TargetModules.None) {
            return TargetModules.NONE;
        }
        return modules instanceof TargetModules.Regex regex ? regex.pattern() : TargetModules.ALL_LINEAR;
    }
}
