package org.loft4j.cli;

import java.util.EnumSet;
import java.util.LinkedHashMap;
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

    static {
        for (String option : new String[] {"--chat", "--chat-template", "--chat-template-kwargs", "--loss-on"}) {
            USES.put(option, EnumSet.of(Task.CAUSAL_LM));
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
        USES.put(WatchFlags.LOG_COMPLETIONS, EnumSet.of(Task.CAUSAL_LM));
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
}
