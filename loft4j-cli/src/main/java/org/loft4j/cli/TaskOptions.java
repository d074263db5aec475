package org.loft4j.cli;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.nn.Task;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;

/** Options that some tasks alone have a use for. One that is given for another task is refused rather than passed over. */
final class TaskOptions {
    private static final Map<String, Set<Task>> USES = new LinkedHashMap<>();

    // of classifiers of texts for those that rank conversations
    private static final List<String> TEMPLATES = List.of("--chat-template", "--chat-template-kwargs");

    static {
        for (String option : new String[] {"--chat", "--loss-on"}) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM));
        }
        for (String option : TEMPLATES) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM, Task.SEQUENCE_CLASSIFICATION));
        }
        for (String option : new String[] {"--augment", "--classes", "--max-images"}) {
            USES.put(option, EnumSet.of(Task.IMAGE_CLASSIFICATION));
        }
        for (String option : DrawFlags.NAMES) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM));
        }
        for (String option : RewardFlags.NAMES) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM));
        }
        for (String option : GrpoFlags.NAMES) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM));
        }
        for (String option : LanguageFlags.NAMES) {
            USES.put(option, EnumSet.of(Task.SEQ2SEQ_LM));
        }
        USES.put(WatchFlags.LOG_COMPLETIONS, EnumSet.of(Task.CAUSAL_LM));
        for (String option : new String[] {"--max-length", "--packing", "--prompt-column", "--completion-column"}) {
            USES.put(option, EnumSet.complementOf(EnumSet.of(Task.IMAGE_CLASSIFICATION)));
        }
        USES.put(
                "--text-pair-column",
                EnumSet.complementOf(EnumSet.of(Task.IMAGE_CLASSIFICATION, Task.TOKEN_CLASSIFICATION)));
        USES.put("--pooling", EnumSet.of(Task.SEQUENCE_CLASSIFICATION, Task.SENTENCE_EMBEDDING));
    }

    private TaskOptions() {}

    /**
     * Looks at the words of a call; a file of settings serves other tasks too.
     *
     * @throws ConfigException that names each option without a use
     */
    static void require(CommandSpec spec, Task task) {
        ParseResult call = spec.commandLine().getParseResult();
        String faults = USES.entrySet().stream()
                .filter(use -> spec.findOption(use.getKey()) != null
                        && call.hasMatchedOption(use.getKey())
                        && !use.getValue().contains(task))
                .map(use -> use.getKey() + " is for "
                        + use.getValue().stream().map(Task::word).collect(Collectors.joining(" and "))
                        + ", and the model is for " + task.word() + ": leave it out")
                .collect(Collectors.joining("\n"));
        if (!faults.isEmpty()) {
            throw new ConfigException(faults);
        }
    }

    /**
     * The same where it is known what rows are learnt for: a chat template writes conversations to rank, and no other texts of
     * classifiers.
     *
     * @throws ConfigException that names each option without a use
     */
    static void require(CommandSpec spec, LearntTask aim) {
        require(spec, aim.task());
        String faults = TEMPLATES.stream()
                .filter(option -> aim.task() == Task.SEQUENCE_CLASSIFICATION && !aim.ranking())
                .filter(option -> spec.commandLine().getParseResult().hasMatchedOption(option))
                .map(option -> option + " is for causal-lm and for --problem-type ranking, and the model tells "
                        + (aim.oneOutput() ? "a number of texts" : "classes") + ": leave it out")
                .collect(Collectors.joining("\n"));
        if (!faults.isEmpty()) {
            throw new ConfigException(faults);
        }
    }
}
