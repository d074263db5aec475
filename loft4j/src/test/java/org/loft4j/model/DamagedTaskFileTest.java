package org.loft4j.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.hostile.HostileFormat;

/** loft_task.json, which tells prediction what a training made. */
class DamagedTaskFileTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        return List.of(Files.writeString(folder.resolve(TaskFile.NAME), """
                {"task": "sequence_classification", "labels": ["bad", "good"], "pooling": "mean", "max_length": 128,
                 "base_model": "somewhere/base", "chat": true, "loss_on": "last", "chat_template_kwargs": {"a": [1]},
                 "chat_date": "2026-01-31T12:00:00Z[UTC]"}
                """));
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        TaskFile.read(folder);
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "[]",
                "{}",
                "\"\"",
                "\"task\"",
                "\"labels\"",
                "\"pooling\"",
                "\"cls\"",
                "\"../../etc\"",
                "[\"a\", \"a\"]",
                "\"causal_lm\"",
                "0");
    }
}
