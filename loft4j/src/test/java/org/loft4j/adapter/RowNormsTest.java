package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.DeviceSpec;

class RowNormsTest {
    private static List<Long> blocks(DeviceSpec device) {
        List<Long> counts = new ArrayList<>();
        RowNorms.eachBlock(11008, 4096, device, (start, count) -> counts.add(count));
        return counts;
    }

    @Test
    void aDeviceTakesMoreRowsAtOnce() {
        assertEquals(List.of(4096L, 4096L, 2816L), blocks(new DeviceSpec(DeviceSpec.Kind.CUDA, 0)));
        assertEquals(43, blocks(DeviceSpec.CPU).size());
    }
}
