package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.model.Models;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.optim.Damping;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.optim.StepReport;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Golden numbers: ten LoFT steps on a Llama, with absolute damping and ε = 1e-4. */
class LoftTrajectoryParityTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");

    @ParameterizedTest
    @CsvSource({
        "loft_traj_llama/noclip, F32, 1e-5",
        "loft_traj_llama/clip, F32, 1e-5",
        "loft_traj_llama/noclip_b0, F32, 1e-3",
        "loft_traj_llama/clip_b0, F32, 1e-3",
        "loft_traj_llama_all64/noclip, F64, 1e-10",
        "loft_traj_llama_all64/clip, F64, 1e-10",
        "loft_traj_llama_all64/noclip_b0, F64, 1e-10",
        "loft_traj_llama_all64/clip_b0, F64, 1e-10",
    })
    void tenStepsFollowTheReference(String file, Dtype dtype, double tolerance) throws Exception {
        ModelOptions options = new ModelOptions(Task.CAUSAL_LM, List.of(), Pooling.AUTO, dtype, DeviceSpec.CPU, 0);
        LoftConfig config = new LoftConfig(0.9, 0.999, 1e-4, 0, new Damping.Absolute(1e-8, 1e-6));
        double maxNorm = file.contains("noclip") ? 0 : 1;
        double worst = 0;
        try (NativeScope scope = new NativeScope();
                SafetensorsFile golden = SafetensorsFile.open(FIXTURES.resolve(file + ".safetensors"));
                SafetensorsFile batches =
                        SafetensorsFile.open(FIXTURES.resolve("loft_traj_llama/batches.safetensors"));
                Model model = Models.open(FIXTURES.resolve("llama_gqa"), options);
                LoraAdapter adapter = PeftFiles.load(FIXTURES.resolve("llama_gqa/adapter"), model)) {
            if (file.endsWith("_b0")) {
                adapter.layers()
                        .values()
                        .forEach(layer -> layer.loraB().detach().zero_());
            }
            adapter.attach();
            List<LowRankPair> pairs = adapter.layers().values().stream()
                    .map(layer -> new LowRankPair(layer.path(), layer.loraA(), layer.loraB(), layer.scale()))
                    .toList();
            Tensor ids = batches.read("input_ids");
            double[] losses = Tensors.toDoubles(golden.read("losses"));
            try (OptimizerGroups optimizer =
                    new OptimizerGroups(List.of(new OptimizerGroups.Group("loft", Loft.adamW(pairs, config), 1e-3)))) {
                for (int step = 1; step <= 10; step++) {
                    try (NativeScope one = new NativeScope()) {
                        Tensor batch = ids.select(0, step - 1);
                        Tensor loss = Losses.causalLm(model.logits(new TokenInput(batch, null)), batch);
                        assertEquals(losses[step - 1], loss.item_double(), dtype == Dtype.F64 ? 1e-9 : 2e-5);
                        loss.backward();
                        StepReport report = optimizer.step(1, maxNorm);
                        optimizer.zeroGrad();
                        if (golden.names().contains("clip_coef")) {
                            double coefficient = Tensors.toDoubles(golden.read("clip_coef"))[step - 1];
                            assertEquals(coefficient, report.clipCoefficient(), 1e-5 * coefficient, "step " + step);
                        }
                        worst = Math.max(worst, worstAt(step, golden, adapter));
                    }
                    assertTrue(worst <= tolerance, file + ", step " + step + ": relative deviation " + worst);
                }
            }
        }
        System.out.println(file + ": largest relative deviation of a factor " + worst);
    }

    /** The largest relative Frobenius distance of a factor from the golden one; 0 where the step was not recorded. */
    private static double worstAt(int step, SafetensorsFile golden, LoraAdapter adapter) throws Exception {
        double worst = 0;
        for (LoraLinear layer : adapter.layers().values()) {
            String prefix = "step" + step + ".base_model.model." + layer.path();
            for (Map.Entry<String, Tensor> factor : Map.of(
                            prefix + ".lora_A.weight", layer.loraA(), prefix + ".lora_B.weight", layer.loraB())
                    .entrySet()) {
                if (golden.names().contains(factor.getKey())) {
                    Tensor expected = golden.read(factor.getKey());
                    double norm = expected.norm().item_double();
                    worst = Math.max(
                            worst,
                            factor.getValue().detach().sub(expected).norm().item_double() / norm);
                }
            }
        }
        return worst;
    }
}
