package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The converted models against figures that others give for the originals. */
@Tag("slow")
class DemoModelSlowTest {
    @TempDir
    Path dir;

    /** Cosine similarities of sentence-transformers' documentation ("Quickstart") for all-MiniLM-L6-v2. */
    @Test
    void miniLmHasThePublishedSimilarities() throws Exception {
        assertSimilarities(DemoModel.MINILM, 0.6660, 0.1046, 0.1411);
    }

    /** Cosine similarities that LangChain4j's own class for the jar gives, by ONNX Runtime 1.20.0. */
    @Test
    void bgeSmallHasTheSimilaritiesOfItsOnnxFile() throws Exception {
        assertSimilarities(DemoModel.BGE_SMALL, 0.8447, 0.5394, 0.5624);
    }

    /** Of the first sentence with the second, the first with the third, the second with the third. */
    private void assertSimilarities(DemoModel chosen, double first, double second, double third) throws Exception {
        MavenArtifacts artifacts = new MavenArtifacts(dir, MavenCommand.find(), System.out::println);
        Path directory = dir.resolve("model");
        DemoAssets.makeModel(directory, chosen, artifacts.fetch(chosen.artifact()), System.out::println);
        List<double[]> vectors = new ArrayList<>();
        // a head that hands the pooled state on as it is
        List<String> dimensions = IntStream.range(0, 384).mapToObj(i -> "d" + i).toList();
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Tokenizer tokenizer = Tokenizer.open(directory);
                Model model = Models.open(
                        directory, ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(dimensions))) {
            Tensor head = model.weights().get("classifier.weight");
            head.copy_(torch.eye(384));
            for (String text :
                    List.of("The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")) {
                long[] ids = tokenizer.encode(text, true);
                TokenInput input = new TokenInput(Tensors.of(ids, 1, ids.length), null);
                vectors.add(Tensors.toDoubles(model.logits(input)));
            }
        }
        assertEquals(first, cosine(vectors.get(0), vectors.get(1)), 1e-4);
        assertEquals(second, cosine(vectors.get(0), vectors.get(2)), 1e-4);
        assertEquals(third, cosine(vectors.get(1), vectors.get(2)), 1e-4);
    }

    private static double cosine(double[] a, double[] b) {
        return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    }

    private static double dot(double[] a, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> a[i] * b[i]).sum();
    }
}
