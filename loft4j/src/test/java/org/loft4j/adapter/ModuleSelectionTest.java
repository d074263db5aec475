package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.Logged;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

class ModuleSelectionTest {
    @Test
    void aRankAboveTheSmallerSideIsWarnedOf() {
        try (Logged log = new Logged(ModuleSelection.class);
                Model model = new TinyModel(Task.CAUSAL_LM, Dtype.F32, false, 5)) {
            int side = Math.min(TinyModel.HIDDEN, TinyModel.INNER);
            LoraAdapter.create(model, LoraConfig.of(side, 4, TargetModules.allLinear()), 1)
                    .close();
            assertEquals(List.of(), log.messages());
            for (int i = 0; i < 2; i++) {
                LoraAdapter.create(model, LoraConfig.of(side + 1, 4, TargetModules.allLinear()), 1)
                        .close();
            }
            assertEquals(1, log.messages().size(), "once");
            String said = log.messages().get(0);
            assertTrue(said.startsWith("4 of 4 layers have a rank above their smaller side, such as"), said);
            assertTrue(said.contains(": " + (side + 1) + " of "), said);
        }
    }
}
