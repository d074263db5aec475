package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.QuantizedWeight;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Embeddings and output embeddings in fewer bits, against a dense model that holds the same numbers. */
class QuantizedTokensTest {
    private static final double SCALE = 0.125;

    private static Decoder open(String fixture, LoadIn loadIn, Dtype dtype) throws IOException {
        return (Decoder) Models.open(
                Fixture.directory(fixture),
                ModelOptions.of(Task.CAUSAL_LM).withDtype(dtype).withLoadIn(loadIn));
    }

    private static LoraAdapter adapter(Decoder model, boolean dora) {
        LoraAdapter adapter = LoraAdapter.create(
                model,
                LoraConfig.of(2, 4, TargetModules.regex(".*(proj|lm_head|c_fc)"))
                        .withDora(dora),
                5);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            // not a constant: a shift of all logits, or of what a norm centres, has no gradient
            GeneratorOptional generator = new GeneratorOptional(ParameterSpec.generator(7));
            adapter.layers().values().forEach(layer -> layer.loraB().normal_(0, 0.02, generator));
        }
        return adapter;
    }

    private static Map<String, Tensor> gradients(LoraAdapter adapter) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        adapter.layers().forEach((path, layer) -> {
            gradients.put(path + ".A", layer.loraA().grad());
            gradients.put(path + ".B", layer.loraB().grad());
            if (layer.magnitude() != null) {
                gradients.put(path + ".m", layer.magnitude().grad());
            }
        });
        return gradients;
    }

    private static double relative(Tensor actual, Tensor expected) {
        Tensor wide = expected.to(Dtype.F64.scalarType());
        double norm = wide.norm().item_double();
        return actual.to(Dtype.F64.scalarType()).sub(wide).norm().item_double() / norm;
    }

    /** The loss in parts on the one side, by the logits of all positions on the other. */
    @ParameterizedTest
    @CsvSource({
        "llama_gqa, NF4, F64, false, 1e-11",
        "llama_gqa, INT8, F64, true, 1e-11",
        "llama3_rope_tied, NF4, F64, false, 1e-11",
        "llama3_rope_tied, NF4, F32, true, 1e-5",
        "gemma2_cap, NF4, F64, true, 1e-11",
        "gemma3_text, INT8, F32, false, 1e-5",
        "granite, NF4, F64, true, 1e-11",
        "gpt2, NF4, F64, false, 1e-11"
    })
    void lossAndGradientsAreThoseOfADenseModel(String name, LoadIn loadIn, Dtype dtype, boolean dora, double tolerance)
            throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Decoder few = open(name, loadIn, dtype);
                Decoder dense = open(name, LoadIn.FULL, dtype)) {
            QuantizedModelTest.round(dense, few);
            TokenInput input = fixture.input();
            Tensor labels = fixture.read("labels");
            try (LoraAdapter one = adapter(few, dora);
                    LoraAdapter other = adapter(dense, dora)) {
                Tensor sum = Losses.causalLmSum(dense.logits(input), labels, 0);
                sum.mul(new Scalar(SCALE)).backward();
                double loss = LanguageModelLoss.ofRows(few, 3).backward(input, labels, SCALE, 0);
                assertEquals(sum.item_double(), loss, tolerance * loss);
                assertEquals(
                        loss,
                        new LanguageModelLoss(few).judge(input, labels, null).sum(),
                        tolerance * loss);
                Map<String, Tensor> expected = gradients(other);
                assertTrue(expected.containsKey("lm_head.A"));
                gradients(one).forEach((key, gradient) -> {
                    double off = relative(gradient, expected.get(key));
                    assertTrue(off <= tolerance, key + " is off by " + off);
                });
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"llama3_rope_tied, NF4", "llama_gqa, INT8", "gemma2_cap, NF4", "gpt2, NF4"})
    void aTextGoesOnAsThatOfADenseModel(String name, LoadIn loadIn) throws IOException {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder few = open(name, loadIn, Dtype.F64);
                Decoder dense = open(name, LoadIn.FULL, Dtype.F64);
                KeyValueCache cache = new KeyValueCache();
                KeyValueCache other = new KeyValueCache()) {
            QuantizedModelTest.round(dense, few);
            Tensor ids = Tensors.of(new long[] {3, 5, 8, 13, 21, 34}, 2, 3);
            for (int step = 0; step < 8; step++) {
                Tensor logits = few.nextLogits(ids, null, cache);
                Tensor expected = dense.nextLogits(ids, null, other);
                assertTrue(relative(logits, expected) < 1e-12);
                ids = torch.argmax(logits, new LongOptional(1), true);
            }
        }
    }

    @Test
    void aTiedHeadIsTheEmbedding() throws IOException {
        try (Decoder tied = open("llama3_rope_tied", LoadIn.NF4, Dtype.F32);
                Decoder own = open("llama_gqa", LoadIn.NF4, Dtype.F32)) {
            QuantizedWeight embedding = tied.weights().quantized().get("model.embed_tokens.weight");
            assertSame(embedding, tied.head().matrix());
            assertFalse(tied.weights().quantized().containsKey("lm_head.weight"));
            assertSame(
                    own.weights().quantized().get("lm_head.weight"), own.head().matrix());
        }
    }

    /** New tokens are learnt so: the embedding in full beside matrices in four bits. */
    @ParameterizedTest
    @CsvSource({"llama_gqa, embed_tokens", "llama_gqa, lm_head", "llama3_rope_tied, embed_tokens"})
    void aModuleThatIsTrainedStaysInFull(String name, String module, @TempDir Path directory) throws IOException {
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withLoadIn(LoadIn.NF4);
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.names("q_proj")).withModulesToSave(List.of(module));
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = Models.open(fixture.directory(), options.withInFull(List.of(module)));
                Model few = Models.open(fixture.directory(), options)) {
            assertEquals(LoadIn.NF4, model.weights().loadIn());
            Tensor expected;
            try (LoraAdapter adapter = LoraAdapter.create(model, config, 1)) {
                Losses.causalLmSum(model.logits(fixture.input()), fixture.read("labels"), 0)
                        .backward();
                Tensor trained = adapter.savedModules().values().iterator().next();
                assertTrue(trained.grad().norm().item_double() > 0);
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    trained.mul_(new Scalar(1.5));
                }
                expected = model.logits(fixture.input());
                PeftFiles.save(directory, adapter, model, new PeftMetadata("base"));
            }
            assertFalse(Tensors.bitEqual(expected, model.logits(fixture.input())));
            try (LoraAdapter loaded = PeftFiles.load(directory, model)) {
                assertTrue(loaded.isAttached());
                assertTrue(Tensors.bitEqual(expected, model.logits(fixture.input())));
            }
            CheckpointException refused = assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, few));
            assertTrue(refused.getMessage().contains(module + " is quantised"), refused.getMessage());
        }
    }
}
