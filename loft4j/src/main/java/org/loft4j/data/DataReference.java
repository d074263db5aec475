package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Data as a person names it: a file, a pattern of files such as {@code part-*.jsonl}, or a query in SQL that begins with SELECT,
 * FROM or WITH. A file that exists is always meant.
 *
 * @param text as it was given
 */
public record DataReference(String text) {
    private static final Pattern QUERY =
            Pattern.compile("\\s*(select|from|with)[\\s(].*", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);

    /** A file. */
    public static DataReference of(Path file) {
        return new DataReference(file.toString());
    }

    /** The file or folder, if there is one of this very name; null for a pattern or a query. */
    public @Nullable Path existing() {
        try {
            Path path = Path.of(text);
            return !text.isEmpty() && Files.exists(path) ? path : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /**
     * Whether a file is one of these, or lies in the folder that this is. Of a query it is if the query names it as it is written
     * here.
     *
     * @throws IOException if the files cannot be looked up
     */
    public boolean names(Path file) throws IOException {
        if (!Files.exists(file)) {
            return false;
        }
        Path path = existing();
        if (path != null) {
            return file.toRealPath().startsWith(path.toRealPath());
        }
        if (isQuery()) {
            return text.contains(file.toString());
        }
        for (Path one : FilePattern.isPattern(text) ? FilePattern.files(text) : List.<Path>of()) {
            if (Files.isSameFile(one, file)) {
                return true;
            }
        }
        return false;
    }

    /** Whether it is SQL. */
    public boolean isQuery() {
        return existing() == null && QUERY.matcher(text).matches();
    }

    /** What is wrong with it as far as can be told without reading; null if nothing is. */
    public @Nullable String fault() {
        Path path = existing();
        if (isQuery() || (path != null && Files.isRegularFile(path))) {
            return null;
        }
        if (path != null) {
            return text + " is not a file";
        }
        try {
            return FilePattern.isPattern(text) && !FilePattern.files(text).isEmpty() ? null : missing();
        } catch (DataException e) {
            return e.getMessage();
        } catch (IOException | InvalidPathException e) {
            return missing();
        }
    }

    private String missing() {
        return text + (FilePattern.isPattern(text) ? ": no file matches this pattern" : ": there is no such file");
    }

    /**
     * The files, in the order of their names.
     *
     * @throws DataException if there are none
     */
    public List<Path> files() throws DataException {
        Path path = existing();
        if (path != null) {
            return List.of(path);
        }
        try {
            List<Path> files = FilePattern.isPattern(text) ? FilePattern.files(text) : List.of(Path.of(text));
            if (files.isEmpty()) {
                throw new DataException(text, "no file matches this pattern");
            }
            return files;
        } catch (InvalidPathException e) {
            throw new DataException(text, "is not the name of a file: " + e.getReason());
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(text, "cannot be looked up: " + e);
        }
    }

    /** What messages call it: a query by its beginning. */
    public String shown() {
        return isQuery() ? "query " + Quoted.text(text.strip()) : text;
    }

    @Override
    public String toString() {
        return text;
    }
}
