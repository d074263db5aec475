package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.io.InnerNames;
import org.loft4j.nn.Experts;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.Model;

/** Finds the layers of a model that a configuration means. */
final class ModuleSelection {
    private static final System.Logger LOG = System.getLogger(ModuleSelection.class.getName());
    private static final Set<String> WARNED = ConcurrentHashMap.newKeySet();

    private ModuleSelection() {}

    /**
     * The layers that get an adapter, in the model's order. Refuses a configuration that means none, or lists a name that does not
     * exist; PEFT lets a name pass that fits nothing.
     */
    static Map<String, Linear> select(Model model, LoraConfig config) {
        Map<String, Linear> selected = modules(model, config, true);
        TargetParameters.select(model, config, true)
                .forEach(stack -> stack.all().forEach(layer -> selected.put(layer.path(), layer)));
        if (selected.isEmpty() && config.targetModules() instanceof TargetModules.None) {
            throw new ConfigException(
                    "target_modules is none and there are no target_parameters, so no layer would get an adapter");
        }
        if (selected.isEmpty()) {
            throw new ConfigException("target_modules: every layer that fits is taken out again by exclude_modules, "
                    + "modules_to_save or layers_to_transform, so no layer would get an adapter");
        }
        return selected;
    }

    /** All that an adapter may take over. */
    static List<Linear> adaptable(Model model) {
        List<Linear> all = new ArrayList<>(model.linears().values());
        model.mixtures().forEach(mixture -> mixture.among().matrices().forEach(stack -> all.addAll(stack.all())));
        return all;
    }

    /**
     * Those among them that are modules.
     *
     * @param everyName whether each listed name must exist; else some must, or parameters that are named beside them
     */
    static Map<String, Linear> modules(Model model, LoraConfig config, boolean everyName) {
        Set<String> paths = model.linears().keySet();
        TargetModules targets = config.targetModules();
        boolean alone = everyName || TargetParameters.known(model, config).isEmpty();
        if (targets instanceof TargetModules.Names list) {
            List<String> unknown = list.names().stream()
                    .filter(name -> !TargetModules.names(name).matchesAny(paths))
                    .toList();
            boolean none = unknown.size() == list.names().size();
            if (none ? alone : everyName && !unknown.isEmpty()) {
                refuseExperts(model, TargetModules.names(unknown), unknown.get(0));
                throw new ConfigException("target_modules: no linear layer is named " + String.join(", ", unknown)
                        + "; there are " + String.join(", ", nearest(unknown.get(0), suffixes(paths))));
            }
        }
        if (targets instanceof TargetModules.Regex regex && alone && !targets.matchesAny(paths)) {
            refuseExperts(model, targets, regex.pattern());
            throw new ConfigException("target_modules: no linear layer matches " + regex.pattern()
                    + " in full; paths look like " + example(model) + ", and end in "
                    + String.join(", ", suffixes(paths)));
        }
        Map<String, Linear> selected = new LinkedHashMap<>();
        Set<String> taken = TargetParameters.taken(model, config);
        model.linears().forEach((path, layer) -> {
            boolean leftOut =
                    taken.contains(path) || targets instanceof TargetModules.AllLinear && isNoneOfAll(model, layer);
            if (targets.matches(path) && !leftOut && !excluded(config, path)) {
                selected.put(path, layer);
            }
        });
        return selected;
    }

    /** Says of a router and of experts that lie in one tensor why nothing is attached to them. */
    private static void refuseExperts(Model model, TargetModules targets, String name) {
        for (MixtureOfExperts mixture : model.mixtures()) {
            if (mixture.among() instanceof Experts.Stacked stacked) {
                List<String> parts = new ArrayList<>(stacked.parameters());
                stacked.parameters().forEach(parameter -> parts.add(module(parameter)));
                parts.add(stacked.path());
                parts.add(mixture.router().path());
                if (targets.matchesAny(parts)) {
                    throw new ConfigException("target_modules: " + name
                            + " is no linear layer: experts of this model are parameters, and so is a router that is not among"
                            + " the layers below. "
                            + (TargetParameters.isNamedAlike(stacked)
                                    ? "Name experts in target_parameters ("
                                            + String.join(", ", TargetParameters.names(model)) + ")"
                                    : "PEFT names experts in target_parameters, and an adapter of these is not supported")
                            + "; take all-linear, or some of "
                            + String.join(", ", suffixes(model.linears().keySet())));
                }
            }
        }
    }

    /** The head, and the routers of mixtures of experts. */
    private static boolean isNoneOfAll(Model model, Linear layer) {
        return model.hasHead() && layer == model.head()
                || model.mixtures().stream().anyMatch(mixture -> mixture.router() == layer);
    }

    /** Says so, once, where a rank is more than a layer has use for. */
    static void warnOfRanks(LoraConfig config, Map<String, Linear> selected) {
        List<Linear> exceeded = selected.values().stream()
                .filter(layer -> config.rankOf(layer.path()) > Math.min(layer.inFeatures(), layer.outFeatures()))
                .toList();
        if (exceeded.isEmpty()) {
            return;
        }
        Linear one = exceeded.get(0);
        String warning = exceeded.size() + " of " + selected.size()
                + " layers have a rank above their smaller side, such as "
                + one.path() + ": " + config.rankOf(one.path()) + " of " + one.outFeatures() + "×" + one.inFeatures()
                + "; what is above it costs memory and changes nothing";
        // a comparison makes the same adapter for each of its runs
        if (WARNED.add(warning)) {
            LOG.log(System.Logger.Level.WARNING, warning);
        }
    }

    /**
     * The targets as a file should name them. {@code all-linear} becomes names, since other programs know another set of
     * layers or not the word: the last components of the paths where they mean the same layers, else the paths. A name that fits
     * within a module saved in full is another: old versions of PEFT would adapt that layer, and leave its trained values out.
     */
    static TargetModules written(Model model, LoraConfig config) {
        if (!(config.targetModules() instanceof TargetModules.AllLinear)) {
            return config.targetModules();
        }
        Set<String> paths = modules(model, config, true).keySet();
        TargetModules names = TargetModules.names(List.copyOf(suffixes(paths)));
        TargetModules exclude = config.excludeModules();
        boolean same = model.linears().keySet().stream()
                .filter(path -> names.matches(path) && (exclude == null || !exclude.matches(path)))
                .allMatch(paths::contains);
        // the base class has a pooler, which is no part of sentence embeddings: its name would be told as missing
        boolean pooler = !model.hasHead() && names.matches(AdapterNames.POOLER);
        return same && !pooler ? names : TargetModules.names(List.copyOf(paths));
    }

    /**
     * What a file should name as left out: in a model with a vision tower that too, for its layers have the same names; null for
     * nothing.
     */
    static @Nullable TargetModules writtenExclude(Model model, LoraConfig config) {
        TargetModules exclude = config.excludeModules();
        if (model.linears().keySet().stream().noneMatch(InnerNames::isInside)) {
            return exclude;
        }
        String beside = InnerNames.BESIDE;
        if (exclude instanceof TargetModules.Regex regex) {
            return regex.pattern().endsWith(beside) ? exclude : TargetModules.regex(regex.pattern() + "|" + beside);
        }
        if (exclude instanceof TargetModules.Names list) {
            String names = list.names().stream()
                    .map(name -> name.replaceAll("\\W", "\\\\$0"))
                    .collect(Collectors.joining("|"));
            return TargetModules.regex("(?:.*\\.)?(?:" + names + ")|" + beside);
        }
        return TargetModules.regex(beside);
    }

    /** The model's parameters that belong to the modules saved in full. */
    static List<String> savedNames(Model model, LoraConfig config) {
        return model.weights().asMap().keySet().stream().filter(config::saves).toList();
    }

    /** The parameter among them that is the matrix of a head without one of its own, as a tied input embedding is; null for none. */
    static @Nullable String savedTied(Model model, LoraConfig config) {
        if (!model.hasHead()) {
            return null;
        }
        Linear head = model.head();
        if (!head.matrix().isWritable() || model.weights().find(head.path() + ".weight") != null) {
            return null;
        }
        return savedNames(model, config).stream()
                .filter(name -> model.weights().get(name).equals(head.weight()))
                .findFirst()
                .orElse(null);
    }

    /** Refuses modules to save that have no parameter in the model. */
    static void requireSaved(Model model, LoraConfig config) {
        Set<String> modules = model.weights().asMap().keySet().stream()
                // parameters of the whole, and buffers, are of no module that is saved
                .filter(name -> name.contains(".") && !model.weights().isFixed(name))
                .map(name -> name.substring(0, name.lastIndexOf('.')))
                .collect(Collectors.toCollection(LinkedHashSet::new));
        requireWritable(model, config);
        requireNamedAlike(model, config);
        requireNoBuffers(model, config);
        for (String name : config.modulesToSave()) {
            if (model.weights().asMap().keySet().stream().noneMatch(config.withModulesToSave(List.of(name))::saves)) {
                throw new ConfigException("modules_to_save: no module is named " + name + "; there are "
                        + String.join(", ", nearest(name, suffixes(modules))));
            }
        }
    }

    /** Refuses modules to save of mixtures whose files have other names than Transformers' modules, by which PEFT looks for them. */
    private static void requireNamedAlike(Model model, LoraConfig config) {
        for (MixtureOfExperts mixture : model.mixtures()) {
            if (mixture.among() instanceof Experts.Stacked stacked && !TargetParameters.isNamedAlike(stacked)) {
                List<String> names = new ArrayList<>(stacked.parameters());
                names.add(mixture.router().path() + ".weight");
                for (String name : config.modulesToSave()) {
                    if (names.stream().anyMatch(config.withModulesToSave(List.of(name))::saves)) {
                        throw new ConfigException(
                                "modules_to_save: " + name + " reaches into the experts or the router of "
                                        + stacked.path()
                                        + ", which PEFT would look for under other names than files of the model have;"
                                        + " train them with --method full, and name what stands beside them by its path");
                    }
                }
            }
        }
    }

    /** Refuses modules to save with a buffer among their parameters, which is never trained. */
    private static void requireNoBuffers(Model model, LoraConfig config) {
        for (String name : config.modulesToSave()) {
            LoraConfig one = config.withModulesToSave(List.of(name));
            model.weights().asMap().keySet().stream()
                    .filter(weight -> model.weights().isFixed(weight) && one.saves(weight))
                    .findFirst()
                    .ifPresent(buffer -> {
                        throw new ConfigException("modules_to_save: " + name + " has a buffer, " + buffer
                                + ", which is never trained; name what stands beside it, or take --method full, which"
                                + " trains all but buffers");
                    });
        }
    }

    private static String module(String parameter) {
        return parameter.endsWith(".weight")
                ? parameter.substring(0, parameter.length() - ".weight".length())
                : parameter;
    }

    /** Refuses modules to save whose numbers the model keeps in fewer bits. */
    static void requireWritable(Model model, LoraConfig config) {
        for (String name : config.modulesToSave()) {
            if (model.weights().quantized().keySet().stream()
                    .anyMatch(config.withModulesToSave(List.of(name))::saves)) {
                throw new ConfigException("modules_to_save: " + name
                        + (model.weights().loadIn() == LoadIn.FULL
                                ? " is in MXFP4 in the checkpoint, and cannot be trained in full; take one in bfloat16"
                                : " is quantised, and cannot be trained in full; open the model with it in full"
                                        + " (ModelOptions.withInFull), or without load_in"));
            }
        }
    }

    private static boolean excluded(LoraConfig config, String path) {
        TargetModules exclude = config.excludeModules();
        return (exclude != null && exclude.matches(path)) || config.saves(path);
    }

    /** The last components of the paths, each once. */
    static Set<String> suffixes(Set<String> paths) {
        return paths.stream()
                .map(path -> path.substring(path.lastIndexOf('.') + 1))
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private static String example(Model model) {
        return model.linears().keySet().stream().findFirst().orElse("(the model has no linear layer)");
    }

    private static List<String> nearest(String name, Set<String> candidates) {
        return candidates.stream()
                .sorted(Comparator.comparingInt(candidate -> editDistance(name, candidate)))
                .toList();
    }

    /** Levenshtein's distance. */
    private static int editDistance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(diagonal, row[j - 1]));
            }
        }
        return row[b.length()];
    }
}
