{{/* For an application's chart that depends on this one, under the alias `migrations`:

       {{- with include "migration-runner.initContainers" .Subcharts.migrations }}
       initContainers:
         {{- . | nindent 8 }}
       {{- end }}
       {{- with include "migration-runner.initVolumes" .Subcharts.migrations }}
       volumes:
         {{- . | nindent 8 }}
       {{- end }}

     In mode `init` the container migrates. In mode `job` it waits for the Job, applies nothing and
     takes no lock. In the other modes there is nothing to wait for, and nothing is included. */}}
{{- define "migration-runner.initContainers" -}}
{{- if .Values.fleet.enabled }}
{{- fail "migration-runner.initContainers: a fleet's migrations cannot be an init container" }}
{{- end }}
{{- if eq .Values.mode "init" -}}
- {{ include "migration-runner.container" (dict "root" . "name" "migrate" "resources" .Values.resources) | indent 2 | trim }}
{{- else if eq .Values.mode "job" -}}
{{- $wait := dict "MIGRATE_WAIT_TIMEOUT" .Values.wait.timeout -}}
- {{ include "migration-runner.container" (dict "root" . "name" "migrate" "args" (list "wait") "settings" $wait "resources" .Values.resources) | indent 2 | trim }}
{{- end }}
{{- end }}

{{/* Readable for any user of the pod, which may have no fsGroup; only this container mounts it. */}}
{{- define "migration-runner.initVolumes" -}}
{{- if has .Values.mode (list "init" "job") -}}
- {{ include "migration-runner.databaseVolume" (dict "root" . "mode" "0444") | indent 2 | trim }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
