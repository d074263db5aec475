package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** The loss in parts against the loss of all logits: sum, and gradients of every weight, after two backward passes. */
class LanguageModelLossTest {
    private static final double SCALE = 0.37;

    private static Decoder open(Fixture fixture, Dtype dtype) throws Exception {
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype);
        return (Decoder) Models.open(fixture.directory(), options);
    }

    private static Map<String, Tensor> gradients(Map<String, Tensor> leaves) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        leaves.forEach((name, weight) -> {
            if (weight.grad().defined()) {
                gradients.put(name, weight.grad().clone());
                weight.mutable_grad().reset();
            }
        });
        return gradients;
    }

    private static double difference(Map<String, Tensor> expected, Map<String, Tensor> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        double largest = norm(expected.values());
        double worst = 0;
        for (String name : expected.keySet()) {
            Tensor wide = expected.get(name).to(Dtype.F64.scalarType());
            double off =
                    actual.get(name).to(Dtype.F64.scalarType()).sub(wide).norm().item_double();
            worst = Math.max(worst, off / largest);
        }
        return worst;
    }

    private static double norm(Collection<Tensor> tensors) {
        return Math.sqrt(tensors.stream()
                .mapToDouble(tensor ->
                        Math.pow(tensor.to(Dtype.F64.scalarType()).norm().item_double(), 2))
                .sum());
    }

    @ParameterizedTest
    @CsvSource({
        "gpt2, F64, 1e-12",
        "gemma2_cap, F64, 1e-12",
        "gemma3_text, F64, 1e-12",
        "gemma4, F64, 1e-12",
        "granite, F64, 1e-12",
        "phi, F64, 1e-12",
        "llama3_rope_tied, F64, 1e-12",
        "llama_gqa, F64, 1e-12",
        "gemma2_cap, F32, 1e-6",
        "llama_gqa, F32, 1e-6",
        "gemma2_cap, BF16, 2e-2",
        "granite, BF16, 2e-2",
        "llama_gqa, BF16, 2e-2"
    })
    void sumAndGradientsAreThoseOfTheWholeLogits(String name, Dtype dtype, double tolerance) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = open(fixture, dtype)) {
            TokenInput input = fixture.input();
            Tensor labels = fixture.read("labels");
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double whole = Losses.causalLmSum(model.logits(input), labels, 0).item_double();
            long scored = labels.size(1) - 1;
            long right = model.logits(input)
                    .narrow(1, 0, scored)
                    .argmax(new LongOptional(-1), false)
                    .eq(labels.narrow(1, 1, scored))
                    .sum()
                    .item_long();
            for (int i = 0; i < 2; i++) {
                Losses.causalLmSum(model.logits(input), labels, 0)
                        .mul(new Scalar(SCALE))
                        .backward();
            }
            Map<String, Tensor> expected = gradients(model.weights().asMap());
            for (long rows : new long[] {1, 3, 1000}) {
                LanguageModelLoss loss = LanguageModelLoss.ofRows(model, rows);
                assertEquals(whole, loss.backward(input, labels, SCALE, 0), tolerance * whole);
                assertEquals(whole, loss.backward(input, labels, SCALE, 0), tolerance * whole);
                double off = difference(expected, gradients(model.weights().asMap()));
                assertTrue(off <= tolerance, rows + " rows: " + off);
                try (Threads two = Threads.of(2)) {
                    Lanes.run(2, lane -> {
                        for (int i = 0; i < 2 * lane; i++) {
                            assertEquals(whole, loss.backward(input, labels, SCALE, 0), tolerance * whole);
                        }
                    });
                }
                double inLane = difference(expected, gradients(model.weights().asMap()));
                assertTrue(inLane <= tolerance, rows + " rows, in a lane: " + inLane);
                assertEquals(whole, loss.judge(input, labels, null).sum(), tolerance * whole);
                assertEquals(right, loss.judge(input, labels, null).right());
            }
        }
    }

    /** As Transformers' LabelSmoother has it, in float64. */
    private static Tensor smoothed(Tensor logits, Tensor labels, double smoothing) {
        long scored = labels.size(1) - 1;
        Tensor costs = logits.to(Dtype.F64.scalarType())
                .narrow(1, 0, scored)
                .log_softmax(-1)
                .neg();
        Tensor targets = labels.narrow(1, 1, scored).unsqueeze(-1);
        Tensor counts = targets.ne(new Scalar(Losses.IGNORED)).to(Dtype.F64.scalarType());
        Tensor own = costs.gather(-1, targets.clamp_min(new Scalar(0L)));
        Tensor others = costs.matmul(torch.full_like(costs, new Scalar(1.0 / costs.size(-1)))
                .select(1, 0)
                .unsqueeze(-1));
        return own.mul(new Scalar(1 - smoothing))
                .add(others.mul(new Scalar(smoothing)))
                .mul(counts)
                .sum();
    }

    @ParameterizedTest
    @CsvSource({
        "gemma2_cap, F64, 1e-12",
        "granite, F64, 1e-12",
        "phi, F64, 1e-12",
        "llama3_rope_tied, F64, 1e-12",
        "llama_gqa, F64, 1e-12",
        "llama_gqa, F32, 1e-6",
        "llama_gqa, BF16, 2e-2"
    })
    void aSmoothedSumAndItsGradientsAreThoseOfTheWholeLogits(String name, Dtype dtype, double tolerance)
            throws Exception {
        double smoothing = 0.3;
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = open(fixture, dtype)) {
            TokenInput input = fixture.input();
            Tensor labels = fixture.read("labels");
            labels.narrow(1, 3, 2).fill_(new Scalar(Losses.IGNORED));
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor sum = smoothed(model.logits(input), labels, smoothing);
            double whole = sum.item_double();
            sum.mul(new Scalar(SCALE)).backward();
            Map<String, Tensor> expected = gradients(model.weights().asMap());
            for (long rows : new long[] {1, 3, 1000}) {
                LanguageModelLoss loss = LanguageModelLoss.ofRows(model, rows);
                assertEquals(whole, loss.backward(input, labels, SCALE, smoothing), tolerance * whole);
                double off = difference(expected, gradients(model.weights().asMap()));
                assertTrue(off <= tolerance, rows + " rows: " + off);
                double plain =
                        Losses.causalLmSum(model.logits(input), labels, 0).item_double();
                assertEquals(
                        plain, loss.judge(input, labels, null).sum(), tolerance * whole, "what judges is not smoothed");
            }
        }
    }

    /** Each position by itself, 600 alike: in bfloat16 the sum of their gradients would stop at the 256th. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void manyPartsOfABfloat16HeadAllCount(boolean inLane) throws Exception {
        try (NativeScope scope = new NativeScope();
                Threads two = Threads.of(2);
                Fixture fixture = Fixture.open("llama_gqa");
                Decoder model = open(fixture, Dtype.BF16)) {
            Tensor head = model.head().weight();
            head.set_requires_grad(true);
            Tensor ids = torch.full(new long[] {100, 7}, new Scalar(3L), Tensors.options(Dtype.I64, DeviceSpec.CPU));
            TokenInput input = new TokenInput(ids, null);
            LanguageModelLoss.ofRows(model, 600).backward(input, ids, SCALE, 0);
            Map<String, Tensor> expected = gradients(Map.of("head", head));
            LanguageModelLoss parts = LanguageModelLoss.ofRows(model, 1);
            Lanes.run(inLane ? 2 : 1, lane -> {
                if (lane == 0) {
                    assertEquals(inLane, Lanes.inside());
                    parts.backward(input, ids, SCALE, 0);
                }
            });
            double off = difference(expected, gradients(Map.of("head", head)));
            assertTrue(off <= 0.01, "off by " + off);
        }
    }

    /** Whose probability is zero in float32: the loss is finite all the same, and the mean over all tokens of a smoothed one. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3})
    void targetsThatTheModelRulesOutKeepTheirLoss(double smoothing) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("llama_gqa");
                Decoder model = open(fixture, Dtype.F32)) {
            TokenInput input = fixture.input();
            Tensor labels = fixture.read("labels");
            Tensor head = model.head().weight();
            head.mul_(new Scalar(500.0)).set_requires_grad(true);
            Tensor sum = Losses.causalLmSum(model.logits(input), labels, smoothing);
            double whole = sum.item_double();
            assertTrue(whole > 120.0 * labels.numel(), "the sum is only " + whole);
            sum.mul(new Scalar(SCALE)).backward();
            Map<String, Tensor> leaves = Map.of("head", head);
            Map<String, Tensor> expected = gradients(leaves);
            LanguageModelLoss loss = LanguageModelLoss.ofRows(model, 4);
            assertEquals(whole, loss.backward(input, labels, SCALE, smoothing), 1e-6 * whole);
            double off = difference(expected, gradients(leaves));
            assertTrue(off <= 1e-6, "" + off);
        }
    }

    /** Adapters everywhere, the head among them; DoRA's too. */
    @ParameterizedTest
    @CsvSource({"gemma2_cap, false", "gemma2_cap, true", "granite, false", "llama_gqa, true"})
    void anAdapterOnTheHeadLearnsTheSame(String name, boolean dora) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder model = open(fixture, Dtype.F64);
                LoraAdapter adapter = LoraAdapter.create(
                        model,
                        LoraConfig.of(4, 8, TargetModules.regex(".*(proj|lm_head)"))
                                .withDora(dora),
                        5)) {
            TokenInput input = fixture.input();
            Tensor labels = fixture.read("labels");
            Map<String, Tensor> leaves = new LinkedHashMap<>();
            adapter.layers().forEach((path, layer) -> {
                leaves.put(path + ".A", layer.loraA());
                leaves.put(path + ".B", layer.loraB());
                if (layer.magnitude() != null) {
                    leaves.put(path + ".m", layer.magnitude());
                }
            });
            assertTrue(leaves.containsKey("lm_head.A"));
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                adapter.layers().values().forEach(layer -> layer.loraB().fill_(new Scalar(0.02)));
            }
            Tensor sum = Losses.causalLmSum(model.logits(input), labels, 0);
            sum.mul(new Scalar(SCALE)).backward();
            Map<String, Tensor> expected = gradients(leaves);
            assertEquals(
                    sum.item_double(),
                    LanguageModelLoss.ofRows(model, 4).backward(input, labels, SCALE, 0),
                    1e-12 * sum.item_double());
            double off = difference(expected, gradients(leaves));
            assertTrue(off <= 1e-12, "" + off);
        }
    }
}
