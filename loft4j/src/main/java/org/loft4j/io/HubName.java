package org.loft4j.io;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * The name of a model on the Hugging Face hub, {@code org/name} or {@code org/name@revision}.
 *
 * @param repository {@code org/name}; models of the hub's first days have no {@code org/}
 * @param revision branch, tag or commit
 */
public record HubName(String repository, String revision) {
    /** The revision of a name that says none. */
    public static final String MAIN = "main";

    private static final String WORD = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?";
    private static final Pattern REPOSITORY = Pattern.compile("(?:" + WORD + "/)?" + WORD);
    private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9_+-][A-Za-z0-9_.+/-]*");
    private static final Pattern COMMIT = Pattern.compile("[0-9A-Za-z]{4,64}");
    private static final int MAX_LENGTH = 200;

    public HubName {
        if (!isRepository(repository)) {
            throw new ConfigException("model must be named org/name, got " + repository);
        }
        if (!isRevision(revision)) {
            throw new ConfigException(
                    "revision of " + repository + " must be a branch, a tag or a commit, got " + revision);
        }
    }

    /** The name that a text is, or null if it has another shape. */
    public static @Nullable HubName find(String text) {
        int at = text.indexOf('@');
        String repository = at < 0 ? text : text.substring(0, at);
        String revision = at < 0 ? MAIN : text.substring(at + 1);
        return isRepository(repository) && isRevision(revision) ? new HubName(repository, revision) : null;
    }

    /** Whether it says whose model it is. */
    public boolean hasOrganisation() {
        return repository.indexOf('/') > 0;
    }

    /** The directory of the repository in a cache: {@code models--org--name}. */
    String folder() {
        return "models--" + repository.replace("/", "--");
    }

    /** The repository whose directory in a cache this is; null if it is none. */
    static @Nullable String repositoryOf(String folder) {
        String name = folder.startsWith("models--") ? folder.substring("models--".length()) : "";
        String repository = name.replace("--", "/");
        return isRepository(repository) ? repository : null;
    }

    /** Whether the text can be a commit: letters and digits alone, as it becomes the name of a directory. */
    static boolean isCommit(String text) {
        return COMMIT.matcher(text).matches();
    }

    private static boolean isRepository(String text) {
        return text.length() <= MAX_LENGTH
                && REPOSITORY.matcher(text).matches()
                && !text.contains("--")
                && !text.contains("..")
                && !text.endsWith(".git");
    }

    private static boolean isRevision(String text) {
        return text.length() <= MAX_LENGTH
                && REVISION.matcher(text).matches()
                && !text.contains("..")
                && !text.contains("//")
                && !text.contains("/.")
                && !text.endsWith("/");
    }

    @Override
    public String toString() {
        return revision.equals(MAIN) ? repository : repository + "@" + revision;
    }
}
