{{/* Names and labels. */}}

{{/* A Job's name is part of its pods' names and labels: at most 63 characters, with all suffixes. */}}
{{- define "migration-runner.name" -}}
{{- .Values.nameOverride | default (printf "%s-migrate" .Release.Name) | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "migration-runner.jobName" -}}
{{- include "migration-runner.name" . -}}
{{- if eq .Values.mode "job" }}-{{ .Release.Revision }}{{ end }}
{{- end }}

{{/* What selects pods in `kubectl logs -l`. */}}
{{- define "migration-runner.selector" -}}
app.kubernetes.io/name: {{ include "migration-runner.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "migration-runner.labels" -}}
{{ include "migration-runner.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "migration-runner.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* When a Job runs. (dict "root" $ "step" N): step 0 are the migrations, or a fleet's shards; -1 the
     canary before them, -2 the targets before that. */}}
{{- define "migration-runner.order" -}}
{{- $values := .root.Values -}}
{{- if eq $values.mode "hook" -}}
helm.sh/hook: {{ join "," $values.hook.events }}
helm.sh/hook-weight: {{ add $values.hook.weight .step | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- else if eq $values.mode "argocd" -}}
argocd.argoproj.io/hook: Sync
argocd.argoproj.io/sync-wave: {{ add $values.argocd.wave .step | quote }}
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
{{- end }}
{{- end }}
