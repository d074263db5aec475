package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.nn.ImageInput;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** A model directory of the test resources, with a batch and the numbers that PyTorch and Transformers made of it. */
public final class Fixture implements AutoCloseable {
    /** A gradient below this norm is zero in mathematics, and rounding in the file. */
    public static final double NEGLIGIBLE_GRADIENT = 1e-6;

    private final Path directory;
    private final SafetensorsFile input;
    private final SafetensorsFile expected;

    private Fixture(Path directory, String input, String expected) throws IOException {
        this.directory = directory;
        this.input = SafetensorsFile.open(directory.resolve(input));
        this.expected = SafetensorsFile.open(directory.resolve(expected));
    }

    /** A fixture with its {@code input.safetensors} and {@code expected.safetensors}. */
    public static Fixture open(String name) throws IOException {
        return new Fixture(directory(name), "input.safetensors", "expected.safetensors");
    }

    /** A fixture whose inputs and results are in one file. */
    public static Fixture open(String name, String file) throws IOException {
        return new Fixture(directory(name), file, file);
    }

    /** Where the fixture lies. */
    public static Path directory(String name) {
        URL config = Fixture.class.getResource("/fixtures/" + name + "/config.json");
        assertNotNull(config, name);
        try {
            return Path.of(config.toURI()).getParent();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    public Path directory() {
        return directory;
    }

    public TokenInput input() throws IOException {
        return new TokenInput(input.read("input_ids"), input.read("attention_mask"));
    }

    /** The tokens of the batch, with those that are written of them where there are such, or its images. */
    public ModelInput modelInput() throws IOException {
        if (input.names().contains("decoder_input_ids")) {
            return new SourceTargetInput(input(), input.read("decoder_input_ids"));
        }
        return input.names().contains("pixel_values") ? new ImageInput(input.read("pixel_values")) : input();
    }

    public Tensor read(String name) throws IOException {
        return input.read(name);
    }

    /** Whether there are results whose names begin so. */
    public boolean hasExpected(String prefix) {
        return expected.names().stream().anyMatch(name -> name.startsWith(prefix));
    }

    public Tensor expected(String name) throws IOException {
        return expected.read(name);
    }

    /** Every parameter's gradient against the file, relative in the Frobenius norm. */
    public void assertGradients(Model model, String prefix, double tolerance) throws IOException {
        int compared = 0;
        for (var entry : model.weights().trainable().entrySet()) {
            Tensor gradient = expected.read(prefix + entry.getKey());
            double norm = gradient.norm().item_double();
            if (norm >= NEGLIGIBLE_GRADIENT) {
                Tensor actual =
                        entry.getValue().grad().to(gradient.scalar_type().intern());
                double difference = actual.sub(gradient).norm().item_double();
                assertTrue(difference <= tolerance * norm, entry.getKey() + " is off by " + difference / norm);
                compared++;
            }
        }
        long stored = expected.names().stream()
                .filter(name -> name.startsWith(prefix))
                .count();
        assertEquals(stored, model.weights().trainable().size(), "parameters with a stored gradient");
        assertTrue(compared > stored / 2, compared + " of " + stored + " gradients compared");
    }

    /** Values within an absolute tolerance, at positions where the mask is 1; a null mask means everywhere. */
    public static void assertClose(Tensor expected, Tensor actual, Tensor mask, double tolerance) {
        Shapes.require("actual", actual, Shapes.of(expected));
        Tensor difference = actual.to(Dtype.F64.scalarType())
                .sub(expected.to(Dtype.F64.scalarType()))
                .abs();
        if (mask != null) {
            difference = difference.mul(mask.unsqueeze(-1));
        }
        double largest = difference.max().item_double();
        assertTrue(largest <= tolerance, "largest difference " + largest + ", tolerance " + tolerance);
    }

    public static double scalar(Tensor tensor) {
        return Tensors.toDoubles(tensor)[0];
    }

    @Override
    public void close() {
        input.close();
        expected.close();
    }
}
