package org.loft4j.cli;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.UnmatchedArgumentException;

/** What is said of options that a verb does not have: which of its own other tools call so or may be meant, or who has them. */
final class UnknownOption {
    private UnknownOption() {}

    /** Whether one of the words that nobody takes is an option. */
    static boolean is(UnmatchedArgumentException unmatched) {
        return unmatched.getUnmatched().stream().anyMatch(UnknownOption::isOption);
    }

    private static boolean isOption(String word) {
        return word.matches("(?s)--?[a-zA-Z].*");
    }

    /** One for each option, and for each word that is not a value behind one. */
    static List<String> messages(UnmatchedArgumentException unmatched) {
        List<String> messages = new ArrayList<>();
        boolean mayBeValue = false;
        for (String word : unmatched.getUnmatched()) {
            if (isOption(word)) {
                String name = word.split("=", 2)[0];
                messages.add("Unknown option: '" + name + "'" + hint(name, unmatched.getCommandLine()));
                mayBeValue = !word.contains("=");
            } else if (mayBeValue) {
                mayBeValue = false;
            } else {
                messages.add("Unmatched argument: '" + word + "'");
            }
        }
        return messages;
    }

    private static String hint(String name, CommandLine verb) {
        String wrong = name.replaceFirst("^--?", "").replace('-', '_').toLowerCase(Locale.ROOT);
        CommandSpec spec = verb.getCommandSpec();
        ConfigKeys keys = ConfigKeys.of(verb);
        String meant = Optional.ofNullable(option(spec, keys.near(wrong)))
                .or(() -> near(wrong, spec))
                .orElse(null);
        Set<String> having = meant == null && name.startsWith("--")
                ? ConfigKeys.all().verbs().getOrDefault(ConfigKeys.usual(name), Set.of())
                : Set.of();
        if (!having.isEmpty()) {
            return verb.getParent() == null
                    ? "; an option of a verb stands behind it"
                    : ", which is of " + String.join(", ", having);
        }
        meant = meant == null ? option(spec, keys.nearest(wrong)) : meant;
        return meant == null ? "" : "; did you mean " + meant + "?";
    }

    private static @Nullable String option(CommandSpec verb, @Nullable String key) {
        return verb.options().stream()
                .filter(option -> key != null && Objects.equals(ConfigKeys.key(option), key))
                .map(OptionSpec::longestName)
                .findFirst()
                .orElse(null);
    }

    /** An option that is nearly the same; those that are no settings have no key. */
    private static Optional<String> near(String wrong, CommandSpec verb) {
        return verb.options().stream()
                .map(OptionSpec::longestName)
                .filter(option -> ConfigKeys.distance(wrong, ConfigKeys.underscored(option)) <= wrong.length() / 3)
                .min(Comparator.comparingInt(option -> ConfigKeys.distance(wrong, ConfigKeys.underscored(option))));
    }
}
