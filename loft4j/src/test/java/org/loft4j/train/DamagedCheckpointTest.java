package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.hostile.HostileFormat;

/** What a run goes on from: its state, and the list of a checkpoint's files. */
class DamagedCheckpointTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        Path checkpoint = new Checkpoints(folder).write(12, directory -> {
            Files.writeString(directory.resolve("weights"), "weights");
            Files.writeString(directory.resolve("optimizer"), "optimizer");
        });
        Path state = Files.writeString(folder.resolve(RunState.FILE), """
                {"global_step": 12, "max_steps": 24, "epoch": 0.5, "best_metric": 1.25, "best_global_step": 8,
                 "best_model_checkpoint": "checkpoint-8", "evaluations_since_best": 1, "skipped_steps": 0,
                 "num_input_tokens_seen": 4711, "seconds": 1.5, "window_loss": 2.5, "window_steps": 2, "finished": null,
                 "log_history": [{"step": 4, "loss": 3.25, "epoch": null}, {"step": 8, "eval_loss": 1.25}]}
                """);
        return List.of(checkpoint.resolve(Checkpoints.MANIFEST), state);
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        Checkpoints.verify(folder.resolve("checkpoint-12"));
        RunState state = RunState.read(folder, TinyRun.config(Method.LOFT).build());
        state.evaluationAt(state.lastEvaluatedStep());
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "[]",
                "{}",
                "\"\"",
                "\"step\"",
                "\"files\"",
                "\"../../../etc/passwd\"",
                "\"..\"",
                "\"/etc/passwd\"",
                "\"a\\u0000b\"",
                "\"weights\"",
                "\"best_metric\"",
                "[7, 0]");
    }
}
