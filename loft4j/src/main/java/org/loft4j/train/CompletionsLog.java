package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.io.JsonObject;

/**
 * What a model has answered while it learns by rewards, as JSON Lines beside its metrics, one object an answer. Those of a step are
 * written before it is taken: where that cannot be, the step is made again, and none of its answers is missing or told twice.
 */
final class CompletionsLog implements AutoCloseable {
    private static final String EVAL = "eval";

    private final RunLog log;

    /**
     * Opens the file as {@link RunLog#open} does.
     *
     * @param evaluationPending whether the answers of the evaluation after {@code lastStep} will be told again
     */
    CompletionsLog(Path file, long lastStep, boolean evaluationPending) throws IOException {
        this.log = RunLog.open(file, lastStep, line -> evaluationPending && isOfEvaluation(line));
    }

    private static boolean isOfEvaluation(JsonObject line) {
        JsonNode eval = line.node(EVAL);
        return eval != null && eval.booleanValue();
    }

    /**
     * @param step that learns from them, or behind which they are held out
     * @param held whether the prompts are held out
     */
    void write(long step, boolean held, List<RewardedAnswer> answers) throws IOException {
        for (RewardedAnswer given : answers) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("step", step);
            entry.put(EVAL, held);
            entry.put("prompt", given.answer().prompt());
            entry.put("completion", given.answer().completion());
            entry.put("reward", given.reward());
            if (given.rewards().size() > 1) {
                given.rewards().forEach((name, reward) -> entry.put("reward_" + name, reward));
            }
            Double advantage = given.advantage();
            if (advantage != null) {
                entry.put("advantage", advantage);
            }
            entry.put("tokens", given.tokens());
            entry.put("ended", given.ended());
            log.append(entry);
        }
    }

    void sync() throws IOException {
        log.sync();
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
