package org.loft4j.cli;

import java.util.List;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** Options of which a call has one: where the call itself gives one of them, what the file says of the others is put aside. */
final class Alternatives {
    private static final List<List<String>> GROUPS = List.of(
            List.of("--text", "--image", "--data"),
            List.of("--eval-data", "--eval-share"),
            List.of("--learning-rate", "--learning-rates"),
            List.of("--warmup-ratio", "--warmup-steps"),
            List.of("--resume", "--overwrite"));

    private Alternatives() {}

    /** @param verb whose words have been read */
    static void settle(CommandLine verb, ConfigFile file) {
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
