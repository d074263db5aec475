package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Threads;

/** The arithmetic against the largest resident size of processes that take some steps. */
class MemoryEstimateProcessTest {
    @TempDir
    Path directory;

    /** Five of all: each method but DoRA, type, way and number of lanes, and kinds of layers that take little time; the slow tests have all. */
    @ParameterizedTest
    @CsvSource({
        "2, lora, float32, false, plain",
        "1, lora-fa, float32, false, linear",
        "2, full, float32, true, convolution",
        "1, loft, bfloat16, true, states",
        "2, loft, float32, false, writes"
    })
    void theResidentPeakIsMetWithinFifteenPercent(
            int threads, String method, String dtype, boolean checkpointing, String kind) throws Exception {
        requireWithinFifteenPercent(threads, method, dtype, checkpointing, kind, LoadIn.FULL);
    }

    private void requireWithinFifteenPercent(
            int threads, String method, String dtype, boolean checkpointing, String kind, LoadIn loadIn)
            throws Exception {
        Assumptions.assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "no /proc here");
        Path errors = directory.resolve("errors");
        Process child = ChildJvm.plain(
                MemoryProbe.class,
                errors,
                List.of("-Xmx256m", "-XX:+UseSerialGC", "-Dloft.threads=" + threads),
                method,
                dtype,
                "" + checkpointing,
                kind,
                loadIn.name());
        String out = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, child.waitFor(), Files.readString(errors));
        double measured = Long.parseLong(out.strip());
        MemoryEstimate estimate;
        Dtype type = Dtype.parse("dtype", dtype);
        try (Threads asThere = Threads.of(threads);
                Model model = MemoryProbe.outline(kind, type)) {
            estimate = MemoryProbe.estimate(model, kind, method, checkpointing, loadIn);
        }
        String said = threads + " threads, " + method + " " + dtype + " " + kind
                + (checkpointing ? " checkpointing" : "") + ": measured " + measured / 1e6 + " MB, estimated "
                + estimate.total() / 1e6 + " MB " + estimate.parts();
        System.out.println(said);
        assertTrue(Math.abs(estimate.total() / measured - 1) <= 0.15, said);
    }

    @Tag("slow")
    @ParameterizedTest
    @MethodSource("all")
    void everyCombinationWithinFifteenPercent(
            int threads, String method, String dtype, boolean checkpointing, String kind) throws Exception {
        theResidentPeakIsMetWithinFifteenPercent(threads, method, dtype, checkpointing, kind);
    }

    /** Parallel parts, mixtures, long and many words, long sources, images and classes, each once or twice. */
    @Tag("slow")
    @ParameterizedTest
    @CsvSource({
        "2, lora, bfloat16, false, cohere, FULL",
        "2, full, bfloat16, false, cohere, FULL",
        "1, loft, bfloat16, true, cohere, FULL",
        "2, loft, float32, false, cohere2, FULL",
        "2, lora, bfloat16, false, exaone4, FULL",
        "1, loft, float32, false, phi, FULL",
        "2, full, float32, false, granitemoe, FULL",
        "2, lora, bfloat16, false, glm4_moe, FULL",
        "1, lora, bfloat16, false, olmoe, FULL",
        "1, full, bfloat16, true, latent, FULL",
        "1, lora, bfloat16, false, pegasus, FULL",
        "2, lora, float32, false, reads, FULL",
        "2, full, bfloat16, false, reads, FULL",
        "1, lora, float32, false, images, FULL",
        "2, lora, float32, false, large, FULL",
        "1, lora, bfloat16, false, classes, FULL",
        "2, full, float32, false, classes, FULL",
        "2, lora, float32, false, again, FULL",
        "1, loft, bfloat16, true, again, FULL",
        "2, full, float32, false, again, FULL",
        "2, full, float32, true, again, FULL",
        "2, lora, bfloat16, false, long, FULL",
        "2, full, bfloat16, false, long, FULL",
        "2, lora, float32, false, long, FULL",
        "2, lora, bfloat16, false, tied, FULL",
        "2, full, bfloat16, false, tied, FULL",
        "2, lora, float32, false, words, FULL",
        "2, full, bfloat16, false, words, FULL",
        "2, full, float32, false, words, FULL",
        "2, lora, bfloat16, false, plain, NF4",
        "2, dora, bfloat16, false, plain, FULL",
        "1, dora, float32, true, plain, FULL",
        "2, dora, float32, false, words, FULL",
        "2, loft, float32, false, words, NF4"
    })
    void otherKindsWithinFifteenPercent(
            int threads, String method, String dtype, boolean checkpointing, String kind, LoadIn loadIn)
            throws Exception {
        requireWithinFifteenPercent(threads, method, dtype, checkpointing, kind, loadIn);
    }

    /** In half types oneDNN compiles few products for three equal batches of packed experts, and nothing of those is trained in full. */
    static Stream<Arguments> all() {
        return Stream.of(1, 2)
                .flatMap(threads -> Stream.of("lora", "lora-fa", "loft", "full")
                        .flatMap(method -> Stream.of("float32", "bfloat16")
                                .flatMap(dtype -> Stream.of(false, true)
                                        .flatMap(again -> Stream.of(
                                                        "plain",
                                                        "experts",
                                                        "linear",
                                                        "convolution",
                                                        "states",
                                                        "bounded",
                                                        "shared",
                                                        "packed",
                                                        "writes",
                                                        "summaries",
                                                        "latent",
                                                        "parallel")
                                                .filter(kind -> !kind.equals("packed")
                                                        || (dtype.equals("float32") && !method.equals("full")))
                                                .map(kind -> Arguments.of(threads, method, dtype, again, kind))))));
    }
}
