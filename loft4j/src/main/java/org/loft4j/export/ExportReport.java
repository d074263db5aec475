package org.loft4j.export;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What was written.
 *
 * @param file the file
 * @param architecture llama.cpp's word for the model
 * @param bytes its size
 * @param tensors number of tensors by element type
 * @param notes what whoever uses the file should know, a sentence each
 */
public record ExportReport(
        Path file, String architecture, long bytes, Map<String, Integer> tensors, List<String> notes) {
    public ExportReport {
        tensors = Map.copyOf(tensors);
        notes = List.copyOf(notes);
    }
}
