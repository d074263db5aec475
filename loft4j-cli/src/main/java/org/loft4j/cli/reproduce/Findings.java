package org.loft4j.cli.reproduce;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.cli.report.Figure;

/**
 * What an experiment found.
 *
 * @param title of the page
 * @param about sentences on what was done
 * @param settings what was run, by name, seeds among them
 * @param tables for people
 * @param figure for people
 * @param notes sentences on how to read the tables
 * @param values for machines: numbers, strings, lists and maps by key
 */
public record Findings(
        String title,
        List<String> about,
        Map<String, Object> settings,
        List<FindingsTable> tables,
        Figure figure,
        List<String> notes,
        Map<String, Object> values) {
    public Findings {
        about = List.copyOf(about);
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
        tables = List.copyOf(tables);
        notes = List.copyOf(notes);
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }
}
