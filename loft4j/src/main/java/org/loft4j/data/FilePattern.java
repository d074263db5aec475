package org.loft4j.data;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
import org.loft4j.DataException;

/**
 * Files by a pattern, as a shell has it: {@code *} and {@code ?} within a name, {@code **} across folders, with a slash
 * behind it across none too, {@code [ab]} and {@code {a,b}}. Names that begin with a dot are left out.
 */
final class FilePattern {
    private static final Pattern SPECIAL = Pattern.compile("[*?\\[{]");
    private static final Pattern ANY_FOLDERS = Pattern.compile("(?<=^|[/{,])(\\*\\*/)+");

    private FilePattern() {}

    static boolean isPattern(String text) {
        return SPECIAL.matcher(text).find();
    }

    /** The files in the order of their names; none is no fault. */
    static List<Path> files(String text) throws IOException {
        String pattern = text.replace(File.separatorChar, '/');
        Matcher special = SPECIAL.matcher(pattern);
        int slash = special.find() ? pattern.lastIndexOf('/', special.start()) : -1;
        Path root = Path.of(slash == 0 ? "/" : pattern.substring(0, Math.max(0, slash)));
        String rest = pattern.substring(slash + 1);
        if (!Files.isDirectory(root)) {
            return List.of();
        }
        int folders = (int) rest.chars().filter(c -> c == '/').count();
        List<PathMatcher> matchers = matchers(text, root, rest);
        // models' and data sets' caches hold links
        try (Stream<Path> all = Files.find(
                root,
                rest.contains("**") ? Integer.MAX_VALUE : folders + 1,
                (path, attributes) -> attributes.isRegularFile(),
                FileVisitOption.FOLLOW_LINKS)) {
            return all.filter(path -> matches(root.relativize(path), matchers))
                    .sorted(Comparator.comparing(Path::toString))
                    .toList();
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static List<PathMatcher> matchers(String text, Path root, String rest) throws DataException {
        try {
            return globs(rest).stream()
                    .map(glob -> root.getFileSystem().getPathMatcher("glob:" + glob))
                    .toList();
        } catch (PatternSyntaxException e) {
            throw new DataException(text, "there is no such file, and as a pattern it is wrong: " + e.getDescription());
        }
    }

    /** With and without each double star that a slash follows: in Java it wants a folder, in a shell it stands for none too. */
    private static List<String> globs(String pattern) {
        List<String> globs = List.of("");
        int end = 0;
        Matcher folders = ANY_FOLDERS.matcher(pattern);
        while (folders.find()) {
            String before = pattern.substring(end, folders.start());
            globs = globs.stream()
                    .flatMap(glob -> Stream.of(glob + before, glob + before + "**/"))
                    .toList();
            end = folders.end();
        }
        String after = pattern.substring(end);
        return globs.stream().map(glob -> glob + after).toList();
    }

    private static boolean matches(Path path, List<PathMatcher> matchers) {
        return shown(path) && matchers.stream().anyMatch(matcher -> matcher.matches(path));
    }

    private static boolean shown(Path path) {
        for (Path name : path) {
            if (name.toString().startsWith(".")) {
                return false;
            }
        }
        return true;
    }
}
