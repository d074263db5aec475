package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.NativeMemoryException;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;

class MemoryFaultTest {
    @TempDir
    Path directory;

    /**
     * The process: after its first checkpoint all that it has freed is taken, it may have 16 MB more, and the next step needs
     * several times that.
     */
    public static void main(String[] arguments) throws IOException {
        List<int[]> rows = new ArrayList<>();
        for (int i = 0; i < 4000; i++) {
            int[] ids = new int[32];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = (i + t) % TinyRun.VOCABULARY;
            }
            rows.add(ids);
        }
        TrainData data = new TrainData(Dataset.causalLmIds(rows), null, 0, 32);
        TrainConfig config = TinyRun.config(Method.LORA)
                .maxSteps(20)
                .batchSize(4000)
                .gradientAccumulationSteps(1)
                .saveSteps(1)
                .build();
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, data, config, TinyRun.lora(), Path.of(arguments[0]), OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onSave(long step, Path checkpoint) {
                    if (step == 1) {
                        limit();
                    }
                }
            });
            System.out.println(run.run().outcome());
        } catch (NativeMemoryException e) {
            System.out.println(e.getMessage());
        }
        System.out.flush();
        // the JVM's own end may need more than there is
        Runtime.getRuntime().halt(0);
    }

    private static void limit() {
        try {
            long before = size();
            while (size() < before + (128L << 20)) {
                NativeScope.keep(torch.empty(1 << 20));
            }
            String most = "--as=" + (size() + (16L << 20));
            String pid = "--pid=" + ProcessHandle.current().pid();
            assertEquals(
                    0,
                    new ProcessBuilder("prlimit", pid, most).inheritIO().start().waitFor());
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static long size() throws IOException {
        String status = Files.readString(Path.of("/proc/self/status"));
        return Long.parseLong(status.replaceAll("(?s).*VmSize:\\s*([0-9]+) kB.*", "$1")) << 10;
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aStepThatFindsNoMemorySaysWhatTookItAndWhatHelps() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/prlimit")), "no prlimit here");
        Path output = directory.resolve("run");
        Path errors = directory.resolve("child.log");
        Process process = ChildJvm.start(MemoryFaultTest.class, errors, List.of("-Xmx256m"), output.toString());
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(300, TimeUnit.SECONDS));
        assertTrue(said.startsWith("out of memory in step "), said + Files.readString(errors));
        for (String part : List.of(
                "the process holds ",
                ": weights 0 MB, state of the optimizer 0 MB",
                "the largest batch is 4000 rows of 32 tokens",
                "--gradient-checkpointing",
                "--batch-size",
                "--max-length",
                "--load-in",
                "is complete and stays")) {
            assertTrue(said.contains(part), part + " in: " + said);
        }
        Path newest = new Checkpoints(output).newest();
        assertTrue(newest != null && said.contains(newest + " is complete and stays"), said);
    }

    @Test
    void otherFaultsAndAFullHeapAreNotTakenForIt() {
        assertFalse(MemoryFault.is(new RuntimeException("mat1 and mat2 shapes cannot be multiplied")));
        assertFalse(MemoryFault.is(new OutOfMemoryError("Java heap space")));
        assertTrue(MemoryFault.is(new RuntimeException(
                "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory")));
        assertTrue(MemoryFault.is(new RuntimeException("CUDA out of memory. Tried to allocate 2.00 GiB")));
        assertTrue(MemoryFault.is(
                new RuntimeException("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")));
    }

    /** A smaller batch is of no use where four times a small heap is the limit. */
    @Test
    void ofJavaCppsOwnLimitItIsSaidHowToLiftIt() throws IOException {
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(
                        model, TinyRun.lora(), TinyRun.config(Method.LORA).build())) {
            String said = String.valueOf(MemoryFault.explain(
                            new OutOfMemoryError(
                                    "Physical memory usage is too high: physicalBytes (2500M) > maxPhysicalBytes (2G)"),
                            MemoryFault.Work.step(12, List.of()),
                            model,
                            trainable,
                            null)
                    .getMessage());
            assertTrue(said.contains("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"), said);
            assertFalse(said.contains("--batch-size"), said);
        }
    }

    /** The process may be smaller than what it holds on a device. */
    @Test
    void ofADeviceItsOwnPartsAreTold() {
        assertEquals(
                "cuda:1 holds weights 13.5 GB, state of the optimizer 200 MB, and beside them activations, gradients and what"
                        + " other processes have there",
                MemoryFault.account(new DeviceSpec(DeviceSpec.Kind.CUDA, 1), 13_500_000_000L, 200_000_000L));
        assertTrue(MemoryFault.account(DeviceSpec.CPU, 1, 1).startsWith("the process holds "));
    }
}
