/** `/`: the projects of this server. */
import { formatCount } from "../lib/numbers.ts";
import { formatAgo, formatDate } from "../lib/times.ts";
import { useProjects } from "../state/queries.ts";
import { projectPath } from "../state/route.ts";
import { Frame } from "./frame.tsx";
import { Link } from "./link.tsx";
import { ErrorBox, LoadingBar } from "./parts.tsx";
import { TeachFirstRun } from "./teach.tsx";

export function ProjectsPage() {
  const { data, error, isPending, refetch } = useProjects();
  return (
    <Frame>
      <LoadingBar on={isPending} />
      <main className="page narrow">
        {error && <ErrorBox error={error} retry={() => void refetch()} />}
        {data?.length === 0 && <TeachFirstRun />}
        {data && data.length > 0 && <ProjectTable projects={data} />}
      </main>
    </Frame>
  );
}

function ProjectTable({ projects }: { projects: NonNullable<ReturnType<typeof useProjects>["data"]> }) {
  const now = Date.now() / 1000;
  const sorted = [...projects].sort((left, right) => (right.heard_at ?? 0) - (left.heard_at ?? 0));
  return (
    <table className="plain" data-testid="projects">
      <thead><tr><th>Project</th><th className="right">Runs</th><th>Last heard</th><th>Created</th></tr></thead>
      <tbody>
        {sorted.map((project) => (
          <tr key={`${project.entity}/${project.project}`}>
            <td><Link href={projectPath(project)} className="strong"><span className="muted">{project.entity} / </span>{project.project}</Link></td>
            <td className="right number">{formatCount(project.runs)}</td>
            <td className="muted" title={project.heard_at ? formatDate(project.heard_at) : ""}>{project.heard_at ? formatAgo(project.heard_at, now) : "never"}</td>
            <td className="muted" title={formatDate(project.created_at)}>{formatAgo(project.created_at, now)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
