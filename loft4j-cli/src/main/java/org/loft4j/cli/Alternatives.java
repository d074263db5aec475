package org.loft4j.cli;

import java.util.List;
import java.util.Objects;
import org.loft4j.data.RowFormat;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/**
 * What of a file a call puts aside: of options of which a call has one, the others of the one that it gives itself; and what rewards,
 * or rows, of its own leave no place for.
 */
final class Alternatives {
    private static final List<List<String>> GROUPS = List.of(
            List.of("--text", "--image", "--data"),
            List.of("--eval-data", "--eval-share", "--folds"),
            List.of("--learning-rate", "--learning-rates"),
            List.of("--warmup-ratio", "--warmup-steps"),
            List.of("--resume", "--overwrite"));

    private Alternatives() {}

    /** @param verb whose words have been read */
    static void settle(CommandLine verb, ConfigFile file) {
        replaced(verb).stream()
                .map(verb.getCommandSpec()::findOption)
                .filter(Objects::nonNull)
                .filter(option -> !given(verb, option) && file.has(String.valueOf(ConfigKeys.key(option))))
                .forEach(file::putAside);
        for (List<String> group : GROUPS) {
            List<OptionSpec> options = group.stream()
                    .map(verb.getCommandSpec()::findOption)
                    .filter(Objects::nonNull)
                    .filter(Alternatives::isForAll)
                    .toList();
            if (options.stream().anyMatch(option -> given(verb, option))) {
                options.stream()
                        .filter(option -> !given(verb, option) && file.has(String.valueOf(ConfigKeys.key(option))))
                        .filter(option -> !isForSome(option))
                        .forEach(file::putAside);
            }
        }
    }

    /** Rewards of the call have no weights of others, and rows that it names are not judged by rewards of the file. */
    private static List<String> replaced(CommandLine verb) {
        OptionSpec reward = verb.getCommandSpec().findOption("--reward");
        if (reward == null) {
            return List.of();
        }
        OptionSpec format = verb.getCommandSpec().findOption("--format");
        if (given(verb, reward)) {
            return List.of("--reward-weights", "--format");
        }
        return given(verb, format) && !RowFormat.REWARD.equals(format.getValue())
                ? List.of("--reward", "--reward-weights")
                : List.of();
    }

    /** That an option is given as what it would be anyway, as {@code --eval-share 0} is, takes no other's place. */
    private static boolean given(CommandLine verb, OptionSpec option) {
        return verb.getParseResult().hasMatchedOption(option)
                && !Objects.equals(option.getValue(), option.initialValue());
    }

    /** Rates of which some are of single methods are not thrown away; the verb says that they exclude the one of the call. */
    private static boolean isForSome(OptionSpec option) {
        return option.longestName().equals("--learning-rates") && LearningRates.haveNamed(option.getValue());
    }

    /** Rates of some methods leave a rate for all the others in place. */
    private static boolean isForAll(OptionSpec option) {
        return !option.longestName().equals("--learning-rates") || LearningRates.haveCommon(option.getValue());
    }
}
