{{/* The container that migrates, and what belongs to it in a pod. */}}

{{/* (dict "root" $ "name" NAME "args" LIST "resources" DICT "settings" DICT) */}}
{{- define "migration-runner.container" -}}
{{- $values := .root.Values -}}
name: {{ .name }}
image: {{ include "migration-runner.image" .root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
{{- with .args }}
args:
  {{- range . }}
  - {{ quote . }}
  {{- end }}
{{- end }}
{{- $env := list }}
{{- if $values.database.secret }}
{{- $env = append $env (dict "name" "DATABASE_URL_FILE" "value" "/run/secrets/database/url") }}
{{- end }}
{{- range $name, $value := merge (dict) (.settings | default dict) $values.settings }}
{{- $env = append $env (dict "name" $name "value" (toString $value)) }}
{{- end }}
{{- $env = concat $env $values.env }}
{{- with $env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
{{- $mounts := list }}
{{- if $values.database.secret }}
{{- $mounts = append $mounts (dict "name" "database" "mountPath" "/run/secrets/database" "readOnly" true) }}
{{- end }}
{{- if include "migration-runner.targetsVolume" .root }}
{{- $mounts = append $mounts (dict "name" "targets" "mountPath" "/run/fleet" "readOnly" true) }}
{{- end }}
{{- with concat $mounts $values.volumeMounts }}
volumeMounts:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The volume of the database's URL. `mode` is who may read it. (dict "root" $ "mode" "0440") */}}
{{- define "migration-runner.databaseVolume" -}}
{{- $database := .root.Values.database -}}
name: database
secret:
  secretName: {{ $database.secret }}
  defaultMode: {{ .mode }}
  items:
    - key: {{ $database.key }}
      path: url
{{- end }}

{{/* The volume of a fleet's targets; nothing if it has none. */}}
{{- define "migration-runner.targetsVolume" -}}
{{- $targets := .Values.fleet.targets -}}
{{- if and .Values.fleet.enabled (not $targets.sql) -}}
name: targets
{{- if $targets.secret }}
secret:
  secretName: {{ $targets.secret }}
  defaultMode: 0440
{{- else }}
configMap:
  name: {{ $targets.configMap | default (printf "%s-targets" (include "migration-runner.name" .)) }}
{{- end }}
  items:
    - key: {{ if $targets.list }}targets{{ else }}{{ $targets.key }}{{ end }}
      path: targets
{{- end }}
{{- end }}

{{/* What the canary's and the shards' arguments have in common, as a list in JSON. */}}
{{- define "migration-runner.fleetArguments" -}}
{{- $fleet := .Values.fleet -}}
{{- $arguments := list "fleet" -}}
{{- if $fleet.targets.sql -}}
{{- $arguments = concat $arguments (list "--targets-sql" $fleet.targets.sql) -}}
{{- else -}}
{{- $arguments = concat $arguments (list "--targets" "/run/fleet/targets") -}}
{{- end -}}
{{- $arguments = concat $arguments (list "--jobs" (toString $fleet.jobs)) -}}
{{- $arguments = concat $arguments (list "--jobs-per-server" (toString $fleet.jobsPerServer)) -}}
{{- toJson $arguments -}}
{{- end }}
