package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;

class DeviceSpecTest {
    private static String refusal(String name, int devices) {
        return String.valueOf(assertThrows(ConfigException.class, () -> DeviceSpec.parse(name, () -> devices))
                .getMessage());
    }

    @ParameterizedTest
    @CsvSource({"cpu,0,cpu", "cpu,2,cpu", "auto,0,cpu", "auto,2,cuda:0", "cuda,1,cuda:0", "cuda:1,2,cuda:1"})
    void aDeviceThatThereIsIsTaken(String name, int devices, String taken) {
        assertEquals(taken, DeviceSpec.parse(name, () -> devices).toString());
    }

    @Test
    void oneThatThereIsNotIsRefusedWithThoseThatThereAre() {
        assertTrue(refusal("cuda", 0).contains("no CUDA device was found"));
        assertTrue(refusal("cuda:1", 1).contains("device cuda:1 cannot be used: this process sees cuda:0 alone;"));
        assertTrue(refusal("cuda:99", 4).contains("this process sees cuda:0 to cuda:3;"));
        assertTrue(refusal("gpu", 4).contains("cpu, cuda, cuda:N or auto, got gpu"));
    }

    @Test
    void theProcessorNeedNotBeWaitedFor() {
        DeviceSpec.CPU.await();
        DeviceSpec.META.await();
    }
}
