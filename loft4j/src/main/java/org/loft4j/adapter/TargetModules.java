package org.loft4j.adapter;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.loft4j.ConfigException;

/** Which modules a setting means, with the meaning that PEFT gives to {@code target_modules} and {@code exclude_modules}. */
public sealed interface TargetModules {
    /** The word for {@link AllLinear} in configuration files. */
    String ALL_LINEAR = "all-linear";

    /** The word for {@link None}. */
    String NONE = "none";

    /**
     * Whether the module at this path is meant. {@link AllLinear} says yes to every path: that the head and routers are left out is
     * the business of whoever knows the model.
     */
    boolean matches(String path);

    /** Whether any of the paths is meant. */
    default boolean matchesAny(Collection<String> paths) {
        return paths.stream().anyMatch(this::matches);
    }

    /** Every linear layer but the head, which is the output embedding or the classifier, and the routers of mixtures of experts. */
    record AllLinear() implements TargetModules {
        @Override
        public boolean matches(String path) {
            return true;
        }
    }

    /** No module: for an adapter of parameters alone, {@link LoraConfig#targetParameters}. */
    record None() implements TargetModules {
        @Override
        public boolean matches(String path) {
            return false;
        }
    }

    /**
     * Modules whose path is the pattern, in full.
     *
     * @param pattern a regular expression
     */
    record Regex(String pattern) implements TargetModules {
        public Regex {
            ModulePattern.of("a pattern of modules", pattern);
        }

        @Override
        public boolean matches(String path) {
            return ModulePattern.of("a pattern of modules", pattern).fits(path);
        }
    }

    /**
     * Modules whose path is one of the names, or ends with a dot and one of the names.
     *
     * @param names such as {@code q_proj} or {@code self_attn.q_proj}
     * @param layers PEFT's {@code layers_to_transform}: only blocks of these numbers; empty for all
     * @param layersPattern PEFT's {@code layers_pattern}: what the list of blocks is called, such as {@code layers}; empty
     *     for anything
     */
    record Names(List<String> names, List<Integer> layers, List<String> layersPattern) implements TargetModules {
        public Names {
            names = List.copyOf(names);
            layers = List.copyOf(layers);
            layersPattern = List.copyOf(layersPattern);
            if (names.isEmpty() || names.stream().anyMatch(String::isBlank)) {
                throw new ConfigException("target_modules must name at least one module and no empty one, got " + names
                        + "; give names such as q_proj, a regular expression, or " + ALL_LINEAR);
            }
            if (layers.isEmpty() && !layersPattern.isEmpty()) {
                throw new ConfigException("layers_pattern " + layersPattern + " needs layers_to_transform");
            }
            for (String pattern : layersPattern) {
                ModulePattern.of("layers_pattern", pattern);
            }
        }

        @Override
        public boolean matches(String path) {
            return names.contains(path)
                    || (names.stream().anyMatch(name -> path.endsWith("." + name)) && inChosenLayer(path));
        }

        private boolean inChosenLayer(String path) {
            if (layers.isEmpty()) {
                return true;
            }
            List<String> lists = layersPattern.isEmpty() ? List.of("[^.]*") : layersPattern;
            for (String list : lists) {
                String block = ModulePattern.of(
                                "layers_pattern",
                                "(?:.*\\.)?(?:",
                                list,
                                ")\\.(?<" + ModulePattern.BLOCK + ">\\d{1,9})\\.")
                        .begins(path);
                if (!block.isEmpty()) {
                    return layers.contains(Integer.parseInt(block));
                }
            }
            return false;
        }
    }

    static TargetModules none() {
        return new None();
    }

    static TargetModules allLinear() {
        return new AllLinear();
    }

    static TargetModules names(List<String> names) {
        return new Names(names, List.of(), List.of());
    }

    static TargetModules names(String... names) {
        return names(List.of(names));
    }

    static TargetModules regex(String pattern) {
        return new Regex(pattern);
    }

    /**
     * Reads what a person writes on a command line: {@code all-linear}, {@code none}, names with commas between them, or, when there is
     * anything in it that a name cannot have, a regular expression.
     */
    static TargetModules parse(String text) {
        String trimmed = text.strip();
        if (trimmed.isEmpty()) {
            // refused as such: an empty pattern would fit no layer of any model
            return names(List.of());
        }
        if (trimmed.toLowerCase(Locale.ROOT).equals(ALL_LINEAR)) {
            return allLinear();
        }
        if (trimmed.toLowerCase(Locale.ROOT).equals(NONE)) {
            return none();
        }
        if (trimmed.matches("[\\w.-]+(\\s*,\\s*[\\w.-]+)*")) {
            return names(List.of(trimmed.split("\\s*,\\s*")));
        }
        return regex(trimmed);
    }
}
