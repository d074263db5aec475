package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.MemoryEstimate;
import org.loft4j.train.MemoryPlan;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class BudgetTest {
    private static final DeviceSpec CUDA = new DeviceSpec(DeviceSpec.Kind.CUDA, 1);

    private static MemoryEstimate check(DeviceSpec device, long most) {
        TrainConfig.Builder config = TrainConfig.builder(Method.LOFT);
        MemoryPlan plan = new MemoryPlan(
                config.build(),
                LoraConfig.of(2, 4, TargetModules.allLinear()),
                LoadIn.FULL,
                new MemoryPlan.Load(8, 32, 0, 0),
                new MemoryPlan.Attention(4, false, false));
        try (Model shapes = LlamaModel.random(LlamaConfig.of(64, 96, 1, 4, 4, 160, 32), DeviceSpec.CPU, Dtype.F32, 1)) {
            return new Budget(device, shapes, plan, config).check(most);
        }
    }

    private static String refusal(DeviceSpec device) {
        return String.valueOf(assertThrows(ConfigException.class, () -> check(device, 1_000_000))
                .getMessage());
    }

    /** The program alone takes 350 MB of the machine. */
    @Test
    void aDeviceIsHeldToWhatLiesThere() {
        MemoryEstimate there = check(CUDA, 100_000_000);
        assertEquals(0, there.program());
        assertEquals(0, there.copy());
        assertTrue(there.weights() > 0);
        assertThrows(ConfigException.class, () -> check(DeviceSpec.CPU, 100_000_000));
        assertTrue(check(DeviceSpec.CPU, 1_000_000_000).copy() > 0);
    }

    @Test
    void aRefusalSaysWhoseMemoryItIs() {
        String there = refusal(CUDA);
        assertTrue(there.contains(" on cuda:1: "), there);
        assertFalse(there.contains("program"), there);
        assertFalse(there.contains("--no-save-in-background"), there);
        String here = refusal(DeviceSpec.CPU);
        assertFalse(here.contains(" on "), here);
        assertTrue(here.contains("program"), here);
    }
}
