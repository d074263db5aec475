package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.nn.Experts;
import org.loft4j.nn.JoinedWeight;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.Model;
import org.loft4j.nn.StackedLinears;

/**
 * PEFT's {@code target_parameters}: the parameters of a model that a configuration means, each of which holds the matrices of a layer's
 * experts. A name means those that it is, or that end with a dot and it.
 */
final class TargetParameters {
    private static final String FIELD = "target_parameters: ";

    private TargetParameters() {}

    /** Refuses what PEFT does with parameters of no adapter. */
    static void check(List<String> names, double dropout, boolean dora) {
        if (names.stream().anyMatch(String::isBlank)) {
            throw new ConfigException("target_parameters must not name an empty parameter, got " + names);
        }
        if (dropout > 0 && !names.isEmpty()) {
            throw new ConfigException("lora.dropout must be 0 with target_parameters, got " + dropout
                    + ": PEFT refuses an adapter of parameters that has one");
        }
        if (dora && !names.isEmpty()) {
            throw new ConfigException(
                    "use_dora does not go with target_parameters, of which PEFT has no DoRA: use another"
                            + " method, or leave target_parameters out");
        }
    }

    /**
     * The parameters, in the model's order.
     *
     * @param everyName whether each listed name must exist; PEFT lets a name pass that fits nothing. Else some must, or modules that
     *     are named beside them
     */
    static List<StackedLinears> select(Model model, LoraConfig config, boolean everyName) {
        List<String> names = config.targetParameters();
        if (names.isEmpty()) {
            return List.of();
        }
        List<StackedLinears> selected = named(model).stream()
                .filter(stack -> names.stream().anyMatch(name -> fits(name, stack.parameter())))
                .toList();
        List<String> unknown = names.stream()
                .filter(name -> selected.stream().noneMatch(stack -> fits(name, stack.parameter())))
                .toList();
        boolean none = unknown.size() == names.size();
        boolean alone =
                everyName || !config.targetModules().matchesAny(model.linears().keySet());
        if (none ? alone : everyName && !unknown.isEmpty()) {
            throw new ConfigException(FIELD + unknown(model, String.join(", ", unknown)));
        }
        for (StackedLinears stack : selected) {
            if (config.saves(stack.parameter())
                    || stack.all().stream()
                            .flatMap(layer -> JoinedWeight.parametersOf(layer).stream())
                            .anyMatch(config::saves)) {
                throw new ConfigException(FIELD + stack.parameter()
                        + " lies in a module that modules_to_save trains in full: take it out of one of the two");
            }
        }
        if (!selected.isEmpty()) {
            requireUnsaved(taken(model, config), config);
        }
        return selected;
    }

    /** Experts that are modules to be saved and such of which a parameter is adapted are in no one version of Transformers. */
    private static void requireUnsaved(Set<String> taken, LoraConfig config) {
        taken.stream().filter(config::saves).sorted().findFirst().ifPresent(path -> {
            throw new ConfigException("modules_to_save trains " + path + " in full, which is no module where"
                    + " target_parameters adapts experts: take the experts out of one of the two");
        });
    }

    /**
     * Paths of layers whose matrices are a part of what is named, and of those of the model's other experts like them: as in
     * Transformers 5, where none of them is a module, nothing else of the adapter is attached to any.
     */
    static Set<String> taken(Model model, LoraConfig config) {
        List<Experts> apart = model.mixtures().stream()
                .map(MixtureOfExperts::among)
                .filter(Experts.Apart.class::isInstance)
                .toList();
        boolean named = apart.stream()
                .flatMap(experts -> experts.parameters().stream())
                .anyMatch(parameter -> config.targetParameters().stream().anyMatch(name -> fits(name, parameter)));
        if (!named) {
            return Set.of();
        }
        return apart.stream()
                .flatMap(experts -> experts.linears().stream())
                .map(Linear::path)
                .collect(Collectors.toSet());
    }

    /** The names that fit a parameter. */
    static List<String> known(Model model, LoraConfig config) {
        return config.targetParameters().stream()
                .filter(name -> named(model).stream().anyMatch(stack -> fits(name, stack.parameter())))
                .toList();
    }

    private static boolean fits(String name, String parameter) {
        return parameter.equals(name) || parameter.endsWith("." + name);
    }

    /** Those that have the same names in files and in Transformers' class, where PEFT looks for them. */
    private static List<StackedLinears> named(Model model) {
        return model.mixtures().stream()
                .map(MixtureOfExperts::among)
                .filter(TargetParameters::isNamedAlike)
                .flatMap(experts -> experts.matrices().stream())
                .toList();
    }

    static boolean isNamedAlike(Experts experts) {
        return experts.parameters().get(0).startsWith(experts.path() + ".");
    }

    /** What may be named, by its end within a block. */
    static Set<String> names(Model model) {
        return named(model).stream()
                .map(stack -> stack.parameter().replaceFirst("^.*?\\.\\d+\\.", ""))
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private static String unknown(Model model, String names) {
        Set<String> known = names(model);
        if (!known.isEmpty()) {
            return "no parameter that holds experts is named " + names + "; there are " + String.join(", ", known);
        }
        return model.mixtures().isEmpty()
                ? names + " is nothing that can be adapted: the model has no experts; name its layers in target_modules"
                : names + " cannot be adapted: the experts of this model have other names in its files than in"
                        + " Transformers, where PEFT looks for them; name layers of attention in target_modules";
    }

    /**
     * The modules under which a file has the factors of parameters, by the parameters' names. PEFT wraps the module that they belong to,
     * and the wrapper of the first by that of the second.
     */
    static Map<String, String> modules(Model model, Set<String> parameters) {
        Map<String, String> modules = new LinkedHashMap<>();
        for (MixtureOfExperts mixture : model.mixtures()) {
            List<String> adapted = new ArrayList<>(mixture.among().parameters());
            adapted.retainAll(parameters);
            String path = mixture.among().path();
            for (int i = adapted.size() - 1; i >= 0; i--) {
                modules.put(adapted.get(i), path);
                path += ".base_layer";
            }
        }
        return modules;
    }
}
