package org.loft4j.cli.report;

import java.awt.Color;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Colours that people tell apart who see red and green alike (Okabe and Ito, "Color Universal Design", 2008, and Tol's muted
 * scheme). A method has the same one in every picture.
 */
final class Palette {
    private static final Map<String, Color> OF_METHODS = Map.ofEntries(
            Map.entry("LoFT", new Color(0x0072B2)),
            Map.entry("LoFT-simple", new Color(0x56B4E9)),
            Map.entry("LoFT-tangent", new Color(0x00356B)),
            Map.entry("full fine-tuning", new Color(0x666666)),
            Map.entry("full AdamW", new Color(0x666666)),
            Map.entry("LoRA", new Color(0xD55E00)),
            Map.entry("DoRA", new Color(0x009E73)),
            Map.entry("LoRA-Pro", new Color(0xCC79A7)),
            Map.entry("rsLoRA", new Color(0xE69F00)),
            Map.entry("LoRA+", new Color(0x882255)),
            Map.entry("LoRA-FA", new Color(0x999933)),
            Map.entry("scaled GD", new Color(0x44AA99)),
            Map.entry("AltLoRA", new Color(0x117733)),
            Map.entry("AltLoRA+", new Color(0xAA4499)),
            Map.entry("LoRA-RITE", new Color(0x332288)),
            Map.entry("RefLoRA", new Color(0xCC6677)));

    private static final List<Color> OTHERS = List.of(
            new Color(0xE69F00),
            new Color(0x009E73),
            new Color(0xCC79A7),
            new Color(0x332288),
            new Color(0x882255),
            new Color(0x44AA99),
            new Color(0xCC6677),
            new Color(0x999933),
            new Color(0xAA4499),
            new Color(0x117733),
            new Color(0xDDCC77),
            new Color(0x88CCEE),
            new Color(0xD55E00),
            new Color(0x0072B2));

    private Palette() {}

    /** The colour that a title always has; none for a title that is no method's. */
    static Set<Color> fixed(String title) {
        Color known = OF_METHODS.get(title);
        return known == null ? Set.of() : Set.of(known);
    }

    /** The colour of a title: that of the method, else one that depends on the title and avoids those that are taken. */
    static Color of(String title, Set<Color> taken) {
        Color known = OF_METHODS.get(title);
        if (known != null) {
            return known;
        }
        List<Color> free = new ArrayList<>(OTHERS);
        free.removeAll(taken);
        List<Color> choice = free.isEmpty() ? OTHERS : free;
        return choice.get(Math.floorMod(title.hashCode(), choice.size()));
    }
}
