package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.ModelDescription;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

class DeviceFlagsTest {
    @Test
    void aSlowHalfTypeIsNamedWithTheFasterOne() {
        assertEquals(
                "loft: the model is float16, in which products take 8.3 times as long as in float32 on this processor:"
                        + " --dtype bfloat16 is faster",
                DeviceFlags.slow(Dtype.F16, 8.26, 0.4));
        assertEquals(
                "loft: the model is bfloat16, in which products take 2.7 times as long as in float32 on this processor:"
                        + " --dtype float32, with twice the memory for the model, is faster",
                DeviceFlags.slow(Dtype.BF16, 2.7, 2.7));
    }

    @Test
    void otherTypesAndDevicesAreLeftAlone() {
        assertEquals("", warned(Dtype.F32, DeviceSpec.CPU));
        assertEquals("", warned(Dtype.F64, DeviceSpec.CPU));
        assertEquals("", warned(Dtype.F16, new DeviceSpec(DeviceSpec.Kind.CUDA, 0)));
    }

    @Test
    void aDeviceThatThereIsNotIsRefusedBeforeAnythingIsReadAndWithAllElseThatIsWrong() {
        Captured call = Captured.loft(
                "train", "--device=cuda:99", "--model=none", "--data=none.csv", "--output=none", "--max-memory=much");
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains("device cuda:99 cannot be used"), call.err());
        assertTrue(call.err().contains("max_memory"), call.err());
        assertTrue(Captured.loft("train", "--device=gpu").err().contains("auto, got gpu"));
    }

    private static String warned(Dtype dtype, DeviceSpec device) {
        StringWriter err = new StringWriter();
        var model = new ModelDescription("llama", 10, 10, 8, dtype, device, List.of(), null, null);
        DeviceFlags.warn(model, new PrintWriter(err, true));
        return err.toString();
    }
}
