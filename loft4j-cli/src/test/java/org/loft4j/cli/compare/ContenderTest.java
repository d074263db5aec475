package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.optim.LoftBlock;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class ContenderTest {
    @Test
    void settingsOfItsOwnAndALabel() {
        Contender contender = Contender.parse("lora:alpha=64:label=LoRA 64");
        assertEquals("lora_64", contender.name());
        assertEquals("LoRA 64", contender.title());
        assertEquals(Map.of("alpha", "64"), contender.options());
        LoraConfig common = LoraConfig.of(4, 8, TargetModules.allLinear());
        assertEquals(64, contender.adapter(common).alpha());
        assertEquals(8, Contender.parse("lora").adapter(common).alpha());
    }

    @Test
    void blocksOfLoftAreLeftOut() {
        TrainConfig config = Contender.parse("loft:without=alternation+second-moment")
                .training(TrainConfig.builder(Method.LOFT), 1e-3, 7);
        assertEquals(
                Set.of(LoftBlock.ALTERNATION, LoftBlock.SECOND_MOMENT),
                Set.copyOf(config.loft().without()));
        assertEquals(7, config.seed());
    }

    @Test
    void everythingThatIsWrongIsSaidAtOnce() {
        ConfigException e = assertThrows(ConfigException.class, () -> Contender.parse("lorra:alfa=1:eps=1:eps=2"));
        String message = String.valueOf(e.getMessage());
        assertEquals(3, message.lines().count(), message);
        assertTrue(message.contains("unknown option alfa"), message);
        assertTrue(message.contains("gives eps twice"), message);
        assertTrue(message.contains("lorra"), message);
    }

    @Test
    void whatIsOnOrOffIsTrueOrFalseAndAnAdapterIsNeededForAlpha() {
        LoraConfig common = LoraConfig.of(4, 8, TargetModules.allLinear());
        Contender yes = Contender.parse("lora:rslora=yes");
        assertThrows(ConfigException.class, () -> yes.adapter(common));
        assertTrue(Contender.parse("lora:rslora").adapter(common).useRslora());
        assertThrows(ConfigException.class, () -> Contender.parse("full:alpha=8"));
    }

    @Test
    void ratesReadAsPeopleWriteThem() {
        assertEquals("3e-4", Trial.rateText(3e-4));
        assertEquals("1.5e-3", Trial.rateText(0.0015));
        assertEquals("1e0", Trial.rateText(1));
        Trial trial = new Trial(Contender.of(Method.LOFT), 4, 3e-4, 2);
        assertEquals("loft-4-3e-4-s2", trial.name());
        assertEquals("full-1e-4-s0", new Trial(Contender.of(Method.FULL), 0, 1e-4, 0).name());
    }
}
