package org.loft4j.cli.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.loft4j.cli.report.PeakMemory;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeHeap;
import org.loft4j.train.Method;

/**
 * The largest resident size of a process that takes a few steps with one method and does nothing else, under the options of
 * this Java machine: called by the launcher, those that every run has.
 */
public final class PeakProcess {
    private PeakProcess() {}

    /**
     * Bytes, from a process of its own.
     *
     * @throws IOException if the process fails, or the system does not tell
     */
    public static long peak(BenchModel shape, Contestant contestant, int rank, int steps) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                PeakProcess.class.getName(),
                shape.word(),
                contestant.method().word(),
                contestant.base().torchName(),
                contestant.crossTerms().torchName(),
                Boolean.toString(contestant.checkpointing()),
                Integer.toString(rank),
                Integer.toString(steps)));
        Process child = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (child.waitFor() != 0) {
                throw new IOException(
                        "the process that measures the memory of " + contestant.name() + " failed: " + out);
            }
        } catch (InterruptedException e) {
            child.destroy();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return Long.parseLong(out.strip());
    }

    /** Arguments: model, method, dtypes of base and cross terms, checkpointing, rank, steps. Prints bytes. */
    public static void main(String[] args) {
        BenchModel shape = BenchModel.parse("model", args[0]);
        Contestant contestant = new Contestant(
                Method.parse(args[1]),
                Dtype.parse("base", args[2]),
                Dtype.parse("cross_terms", args[3]),
                Boolean.parseBoolean(args[4]));
        try (CausalDecoder model = shape.open(contestant.base());
                BenchRun run = new BenchRun(shape, model, contestant, Integer.parseInt(args[5]))) {
            for (int i = 1; i <= Integer.parseInt(args[6]); i++) {
                run.train();
                NativeHeap.trimNowAndThen(i);
            }
        }
        OptionalLong peak = PeakMemory.peak();
        if (peak.isEmpty()) {
            throw new IllegalStateException("this system does not tell the largest resident size of a process");
        }
        System.out.println(peak.getAsLong());
    }
}
