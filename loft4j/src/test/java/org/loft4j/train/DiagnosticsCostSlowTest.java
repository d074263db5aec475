package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** What a look at the layers costs beside a step, at the default of one look in ten steps. */
@Tag("slow")
class DiagnosticsCostSlowTest {
    private static final int LOGGING_STEPS = 10;

    @TempDir
    Path directory;

    /** 12 layers of width 384, 84 adapted matrices of rank 16, 8 rows of up to 12 tokens: a step far shorter than a usual one. */
    @ParameterizedTest
    @EnumSource(names = {"LOFT", "LORA"})
    void aLookIsCheap(Method method) throws IOException {
        DecoderConfig sizes = new DecoderConfig(
                TinyRun.VOCABULARY, 384, 12, 6, 6, 64, 1024, 32, 1e-5, false, 0, 0.02, Activation.SILU, -1);
        LlamaConfig shape = new LlamaConfig(sizes, Rope.plain(64, 10000), false, false, 0);
        TrainConfig config = TinyRun.config(method)
                .batchSize(8)
                .gradientAccumulationSteps(1)
                .learningRate(1e-4)
                .epochs(5)
                .diagnosticsSteps(1000)
                .build();
        LoraConfig lora = new LoraConfig(16, 32, 0, TargetModules.allLinear(), null, false, List.of());
        List<Double> looks = new ArrayList<>();
        List<Double> steps = new ArrayList<>();
        try (Model model = LlamaModel.random(shape, DeviceSpec.CPU, Dtype.F32, 11);
                TrainingRun run = TrainingRun.open(model, TinyRun.data(), config, lora, directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                private long mark = System.nanoTime();

                @Override
                public void onStep(StepEvent event) {
                    long start = System.nanoTime();
                    steps.add((start - mark) / 1e6);
                    LayerDiagnostics.of(
                            Objects.requireNonNull(run.trainable().adapter()),
                            run.trainable().optimizer());
                    mark = System.nanoTime();
                    looks.add((mark - start) / 1e6);
                }
            });
            run.run();
        }
        double look = median(looks);
        double step = median(steps);
        double share = look / (LOGGING_STEPS * step);
        String found = String.format(
                Locale.ROOT, "%s: a look %.2f ms, a step %.1f ms, share %.2f %%", method, look, step, 100 * share);
        System.out.println(found);
        assertTrue(share < 0.02, found);
    }

    private static double median(List<Double> values) {
        Collections.sort(values);
        return values.get(values.size() / 2);
    }
}
