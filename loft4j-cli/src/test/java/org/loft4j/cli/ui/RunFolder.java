package org.loft4j.cli.ui;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.Json;

/** The directory of a run that this process pretends to be at. */
record RunFolder(Path directory) {
    static RunFolder create(Path directory, long totalSteps) throws IOException {
        Files.createDirectories(directory);
        RunFolder folder = new RunFolder(directory);
        folder.about(totalSteps, null, 0);
        Files.writeString(directory.resolve("config.yaml"), "method: loft\nlearning_rate: 3.0e-4\n");
        Files.writeString(directory.resolve("metrics.jsonl"), "");
        return folder;
    }

    void about(long totalSteps, @Nullable String ended, long lastStep) throws IOException {
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("total_steps", totalSteps);
        about.put("method", "loft");
        about.put("started", Instant.now().toString());
        about.put("pid", ProcessHandle.current().pid());
        about.put("ended", ended);
        about.put("last_step", lastStep);
        Json.write(directory.resolve("run.json"), about);
    }

    void append(String file, String text) throws IOException {
        Files.writeString(directory.resolve(file), text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** Lines of training for the steps, the loss falling. */
    void train(int from, int to) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (int step = from; step <= to; step++) {
            lines.append("""
                    {"step":%d,"loss":%.4f,"grad_norm":1.5,"learning_rate":1.0E-4,"tokens_per_second":900.0,"memory_bytes":400000000,"seconds":%d}
                    """.formatted(step, 3.0 / Math.sqrt(step), step));
        }
        append("metrics.jsonl", lines.toString());
    }

    void evaluate(int step, double loss) throws IOException {
        append("metrics.jsonl", "{\"step\":" + step + ",\"eval_loss\":" + loss + ",\"eval_seconds\":1.0}\n");
    }
}
