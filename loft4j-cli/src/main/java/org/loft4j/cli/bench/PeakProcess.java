package org.loft4j.cli.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.loft4j.cli.report.PeakMemory;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;

/** The largest resident size of a process that takes a few steps with one method and does nothing else, compiled as under the launcher. */
public final class PeakProcess {
    private PeakProcess() {}

    /**
     * Bytes, from a process of its own.
     *
     * @throws IOException if the process fails, or the system does not tell
     */
    public static long peak(BenchModel shape, Method method, int rank, int steps, Dtype crossTerms) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Xmn8m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                "-cp",
                System.getProperty("java.class.path"),
                PeakProcess.class.getName()));
        command.addAll(List.of(
                shape.word(), method.word(), Integer.toString(rank), Integer.toString(steps), crossTerms.torchName()));
        Process child = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            if (child.waitFor() != 0) {
                throw new IOException("the process that measures the memory of " + method.word() + " failed: " + out);
            }
        } catch (InterruptedException e) {
            child.destroy();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        return Long.parseLong(out.strip());
    }

    /** Arguments: model, method, rank, steps, dtype of the cross terms. Prints bytes. */
    public static void main(String[] args) {
        BenchModel shape = BenchModel.parse("model", args[0]);
        Dtype crossTerms = Dtype.parse("cross_terms", args[4]);
        try (CausalDecoder model = shape.open(Dtype.F32);
                BenchRun run =
                        new BenchRun(shape, model, Method.parse(args[1]), Integer.parseInt(args[2]), crossTerms)) {
            for (int i = 0; i < Integer.parseInt(args[3]); i++) {
                run.step();
            }
        }
        OptionalLong peak = PeakMemory.peak();
        if (peak.isEmpty()) {
            throw new IllegalStateException("this system does not tell the largest resident size of a process");
        }
        System.out.println(peak.getAsLong());
    }
}
