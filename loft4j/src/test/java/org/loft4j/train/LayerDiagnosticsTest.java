package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.optim.LoftDiagnostics;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The norms against those of matrices that were formed, step by step through a short run. */
class LayerDiagnosticsTest {
    @TempDir
    Path directory;

    private static final class Dense implements TrainListener, AutoCloseable {
        private final LoraAdapter adapter;
        private final Map<String, Tensor> before = new HashMap<>();
        private int compared;

        Dense(LoraAdapter adapter) {
            this.adapter = adapter;
        }

        @Override
        public void onDiagnostics(long step, List<LayerDiagnostics> layers) {
            assertEquals(
                    List.copyOf(adapter.layers().keySet()),
                    layers.stream().map(LayerDiagnostics::path).toList());
            try (NativeScope scope = new NativeScope()) {
                layers.forEach(layer -> compare(
                        step, layer, Objects.requireNonNull(adapter.layers().get(layer.path()))));
            }
        }

        private void compare(long step, LayerDiagnostics found, LoraLinear layer) {
            Tensor a = layer.loraA().detach().to(ScalarType.Double);
            Tensor b = layer.loraB().detach().to(ScalarType.Double);
            Tensor update = b.mm(a).mul(new org.bytedeco.pytorch.Scalar(layer.scale()));
            String where = found.path() + " after step " + step;
            assertEquals(norm(update), found.updateNorm(), 1e-9 * norm(update) + 1e-15, where);
            assertEquals(norm(a), found.normA(), 1e-9 * norm(a), where);
            assertEquals(norm(b), found.normB(), 1e-9 * norm(b), where);
            assertEquals(condition(a), found.conditionA(), 1e-6 * condition(a), where);
            if (condition(b) < 1e9) {
                assertEquals(condition(b), found.conditionB(), 1e-6 * condition(b), where);
            }
            LoftDiagnostics loft = found.loft();
            Tensor previous = before.get(found.path());
            if (loft != null && previous != null) {
                double moved = norm(update.sub(previous));
                assertEquals(moved, loft.stepNorm(), 1e-6 * moved, where);
                assertEquals(moved / norm(update), found.stepRatio(), 1e-6 * found.stepRatio(), where);
                compared++;
            }
            if (previous != null) {
                previous.close();
            }
            before.put(found.path(), NativeScope.keep(update));
        }

        private static double norm(Tensor matrix) {
            return Math.sqrt(matrix.square().sum().item_double());
        }

        private static double condition(Tensor factor) {
            double[] values = Tensors.toDoubles(torch.linalg_svdvals(factor));
            return Math.pow(values[0] / values[values.length - 1], 2);
        }

        @Override
        public void close() {
            before.values().forEach(Tensor::close);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"LOFT", "LOFT_TANGENT", "LORA", "LORA_PRO"})
    void theNormsAreThoseOfTheMatricesThemselves(Method method) throws IOException {
        TrainConfig config =
                TinyRun.config(method).diagnosticsSteps(1).epochs(2).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
                Dense dense = new Dense(Objects.requireNonNull(run.trainable().adapter()))) {
            run.addListener(dense);
            run.run();
            boolean loft = method == Method.LOFT || method == Method.LOFT_TANGENT;
            assertEquals(loft ? 7 * dense.adapter.layers().size() : 0, dense.compared);
        }
        List<JsonObject> lines = new ArrayList<>();
        Path file = directory.resolve("diagnostics.jsonl");
        for (String line : Files.readAllLines(file)) {
            lines.add(Json.parse(file, line));
        }
        assertEquals(9, lines.size());
        int layers = lines.get(0).strings("layers").size();
        for (int step = 1; step < lines.size(); step++) {
            JsonObject line = lines.get(step);
            assertEquals(step, line.requireLong("step"));
            assertEquals(
                    layers, Objects.requireNonNull(line.node("update_norm")).size());
            assertEquals(method.word().startsWith("loft"), line.keys().contains("step_ratio"));
        }
    }

    @Test
    void aFullyTrainedModelHasNoLayersToLookAt() throws IOException {
        TrainConfig config = TinyRun.config(Method.FULL).epochs(1).build();
        TinyRun.train(config, directory, OnExisting.REFUSE);
        assertFalse(Files.exists(directory.resolve("diagnostics.jsonl")));
    }

    @Test
    void whatIsLeftOpenIsAMultipleOfTheLoggingSteps() {
        TrainConfig open = TinyRun.config(Method.LOFT).loggingSteps(3).build();
        assertEquals(3, DiagnosticsLog.every(open, 24));
        assertEquals(3, DiagnosticsLog.every(open, 1500));
        assertEquals(6, DiagnosticsLog.every(open, 1501));
        assertEquals(201, DiagnosticsLog.every(open, 100_000));
        TrainConfig stated = TinyRun.config(Method.LOFT).diagnosticsSteps(7).build();
        assertEquals(7, DiagnosticsLog.every(stated, 100_000));
    }

    @Test
    void theRunSaysWhoIsAtIt() throws IOException {
        Path file = directory.resolve(RunAbout.FILE);
        List<JsonObject> during = new ArrayList<>();
        TrainListener reader = new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                try {
                    during.add(Json.read(file));
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }
        };
        TinyRun.train(TinyRun.config(Method.LORA).epochs(1).build(), directory, OnExisting.REFUSE, reader);
        JsonObject running = during.get(0);
        assertEquals(ProcessHandle.current().pid(), running.requireLong("pid"));
        assertEquals(4, running.requireLong("total_steps"));
        assertNull(running.findString("ended"));
        JsonObject ended = Json.read(file);
        assertNotNull(ended.findString("ended"));
        assertEquals(4, ended.requireLong("last_step"));
        assertTrue(Files.exists(directory.resolve("runs")));
    }
}
